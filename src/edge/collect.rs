//! A protected request that finds its session's factor approved on a phone: it collects that and goes on to
//! the portal in the same step (DESIGN section 3, "An approval made elsewhere").

use crate::access::{Doorstep, Unknown, Who};
use crate::clock::Timestamp;
use crate::factors::collect::Collected;
use crate::gate::{Ask, Refusal, Verdict, decide};

/// What a collected approval makes of a request.
pub(super) struct Raised {
    /// Who makes it now.
    pub who: Who,
    /// What is decided over it now.
    pub verdict: Verdict,
    /// The Set-Cookie lines that its answer carries.
    pub cookies: Vec<String>,
}

/// Collects an approval for a request from which a second factor is asked. `None`: there is none, and what
/// was decided stays.
///
/// # Errors
/// Where directory or store cannot answer.
pub(super) async fn collect(
    door: &Doorstep,
    who: &Who,
    ask: &Ask<'_>,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<Option<Raised>, Unknown> {
    let (Verdict::Refuse(Refusal::SecondFactor), Who::Session(session)) = (verdict, who) else {
        return Ok(None);
    };
    let entry = match door.collect(session, now).await? {
        Collected::Nothing => return Ok(None),
        Collected::Entry(entry) => entry,
        Collected::Overtaken => {
            return Ok(Some(Raised {
                who: Who::Replaced,
                verdict: Verdict::Refuse(Refusal::Retry),
                cookies: Vec::new(),
            }));
        }
    };
    let mut cookies = vec![door.session_cookie(&entry.token)];
    cookies.extend(entry.cookies.iter().cloned());
    let who = door.who(Some(entry.token.clone()), now).await?;
    let verdict = decide(&Ask {
        presence: who.presence(),
        ..*ask
    });
    Ok(Some(Raised {
        who,
        verdict,
        cookies,
    }))
}
