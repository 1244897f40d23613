//! `account/phone`: a phone gets another name, or goes.

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;

use super::desk::Desk;
use super::layout;
use super::refusal::Stop;
use crate::access::LiveSession;
use crate::directory::ChangeRefused;
use crate::gate::{FactorKind, Login};
use crate::sessions::{Level, SessionFilter};

type Answer = Result<http::Response<Bytes>, Stop>;

const ACCOUNT: &str = "/.doorstep/account";

/// POST `account/phone`.
pub(super) async fn change(desk: Desk, request: Request) -> Response {
    desk.finish(changed(&desk, request).await)
}

async fn changed(desk: &Desk, request: Request) -> Answer {
    let (session, fields) = desk.posted(request).await?;
    let (_, holder, _) = desk.may_enrol()?;
    let actor = desk.actor(holder);
    let id = fields.get("id").unwrap_or_default();
    let (directory, login, now) = (&desk.door.directory, &holder.login, desk.now());
    let changed = match (fields.get("do"), fields.get("name")) {
        (Some("rename"), Some(name)) => directory.rename_device(&actor, login, id, name, now).await,
        (Some("remove"), _) => {
            let removed = directory.remove_device(&actor, login, id, now).await;
            if removed.is_ok() && end_sessions_by_phone(desk, session, login).await? {
                return Ok(desk.signed_out());
            }
            removed
        }
        _ => return Err(Stop::BadBody("The form says neither rename nor remove.")),
    };
    match changed {
        // Removed a moment ago, in another window: the page that follows shows it.
        Ok(()) | Err(ChangeRefused::NotFound(_)) => Ok(layout::see_other(ACCOUNT)),
        Err(ChangeRefused::Unknown(unknown)) => Err(crate::access::Unknown::from(unknown).into()),
        Err(_) => Err(Stop::BadBody("That name does not fit.")),
    }
}

/// Ends the sessions that a phone verified: with which one is not kept, so all of them (I14). Whether this one
/// was among them.
async fn end_sessions_by_phone(desk: &Desk, here: &LiveSession, login: &Login) -> Result<bool, Stop> {
    let filter = SessionFilter {
        login: Some(login.clone()),
        firm: None,
    };
    let mut this_one = false;
    for record in desk.door.store.list(&filter, desk.now()).await? {
        let by_phone = matches!(
            record.level,
            Level::SecondFactor {
                factor: FactorKind::Push,
                ..
            }
        );
        if !by_phone {
            continue;
        }
        let directory = &desk.door.directory;
        directory.end_session(record.id.public(), record.ends).await?;
        desk.door.store.remove(&record.id).await?;
        this_one |= record.id == here.stored.record.id;
    }
    desk.door.copies.changed_here().await?;
    Ok(this_one)
}
