//! `admin/policy`: every key of the firm's policy (DESIGN section 4), in the words in which they are set.

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::layout::{self, Shell};
use super::Answer;
use super::guard::{Admin, Frame, Here, Refused, TokenBox};
use super::table::factor_in_words;
use super::undo::Saved;
use crate::directory::{ChangeRefused, Firm};
use crate::gate::{FactorKind, Policy};
use crate::views::policy;

pub(super) const POLICY: &str = "/.doorstep/admin/policy";

const FACTORS: [FactorKind; 5] = [
    FactorKind::Push,
    FactorKind::Sms,
    FactorKind::Totp,
    FactorKind::Passkey,
    FactorKind::RecoveryCode,
];

/// Key, label, hint. `factors` and `logins` are shown in their own way.
const KEYS: [(&str, &str, &str); 7] = [
    (
        "remember_device",
        "Remember a device for",
        "A device that proved a factor is not asked again for so long, such as 7d. Empty: never.",
    ),
    (
        "idle_timeout",
        "Sign out when unused for",
        "Such as 15m. Empty: as the portal does.",
    ),
    (
        "absolute_timeout",
        "Sign out at the latest after",
        "Such as 8h. Empty: as the portal does.",
    ),
    (
        "networks",
        "Networks that are not asked",
        "Nobody is asked for a second factor from these addresses, such as 192.0.2.0/24, separated by commas.",
    ),
    (
        "enrolment_window",
        "Employees may set up a factor themselves until",
        "A date, or how long from now, such as 7d. They need an SMS token to the number you gave them.",
    ),
    (
        "carry_over",
        "Keep a proven factor when the portal asks for the password again",
        "yes or no. Empty: yes.",
    ),
    (
        "sessions_per_employee",
        "Sessions per employee",
        "A new one beyond this ends the oldest. Empty: as many as they like.",
    ),
];

/// Every key that is saved here, and how pages call it.
pub(super) fn labels() -> impl Iterator<Item = (&'static str, &'static str)> {
    let keys = KEYS.iter().map(|(key, label, _)| (*key, *label));
    std::iter::once(("factors", "Factors that may be used")).chain(keys)
}

#[derive(Template)]
#[template(path = "admin/policy.html")]
struct PolicyPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    factors: Vec<Choice>,
    factors_fault: Option<String>,
    keys: Vec<Key>,
    logins: String,
    token: TokenBox,
}

/// A factor that may be used or not.
struct Choice {
    word: &'static str,
    name: &'static str,
    on: bool,
}

/// A key as a field.
struct Key {
    key: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    fault: Option<String>,
}

/// GET `admin/policy`.
pub(super) async fn show(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(page(&desk, &uri).await)
}

/// POST `admin/policy`.
pub(super) async fn save(desk: Desk, request: Request) -> Response {
    desk.finish(saved(&desk, request).await)
}

async fn page(desk: &Desk, uri: &http::Uri) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let admin = desk.admin(POLICY).await?;
    let form = Form::of(&admin.me.standing.firm.policy);
    form.page(&admin, &query, StatusCode::OK).await
}

/// What stands in the fields, and what is wrong with it.
struct Form {
    factors: Vec<&'static str>,
    factors_fault: Option<String>,
    keys: Vec<Key>,
    refused: Option<Refused>,
}

impl Form {
    fn of(policy: &Policy) -> Self {
        let words = policy::words(policy);
        let value = |key: &str| {
            words
                .iter()
                .find(|(one, _)| *one == key)
                .map(|(_, value)| value.clone())
        };
        let allowed = FACTORS.into_iter().filter(|factor| policy.allows(*factor));
        Self::with(allowed.map(FactorKind::as_str).collect(), value)
    }

    fn typed(fields: &Fields) -> Self {
        let on = |factor: &FactorKind| fields.get(&format!("factor_{}", factor.as_str())) == Some("yes");
        let factors = FACTORS.into_iter().filter(on).map(FactorKind::as_str).collect();
        Self::with(factors, |key| fields.get(key).map(str::to_owned))
    }

    fn with(factors: Vec<&'static str>, value: impl Fn(&str) -> Option<String>) -> Self {
        let key = |(key, label, hint): (&'static str, &'static str, &'static str)| Key {
            key,
            label,
            hint,
            value: value(key).unwrap_or_default(),
            fault: None,
        };
        Self {
            factors,
            factors_fault: None,
            keys: KEYS.map(key).into(),
            refused: None,
        }
    }

    /// The policy that the form asks for, on top of what it does not name: `logins` is not read from a form.
    fn read(&mut self, admin: &Admin<'_>) -> Option<Policy> {
        let config = &admin.desk.settings.config;
        let mut policy = admin.me.standing.firm.policy.clone();
        let mut name = String::new();
        let mut fits = true;
        let mut set =
            |assignment: String| policy::set(&mut name, &mut policy, &assignment, config, admin.now());
        let all = self.factors.len() == FACTORS.len();
        let factors = if all {
            String::new()
        } else {
            self.factors.join(",")
        };
        if self.factors.is_empty() {
            self.factors_fault = Some("Leave at least one.".into());
            fits = false;
        } else if let Err(why) = set(format!("factors={factors}")) {
            self.factors_fault = Some(format!("{why}."));
            fits = false;
        }
        for key in &mut self.keys {
            if let Err(why) = set(format!("{}={}", key.key, key.value)) {
                let why = why.strip_prefix(key.key).unwrap_or(&why);
                key.fault = Some(format!("{}.", why.trim_start_matches([':', ' '])));
                fits = false;
            }
        }
        fits.then_some(policy)
    }

    async fn page(self, admin: &Admin<'_>, query: &Fields, status: StatusCode) -> Answer {
        let token = admin.token_box(POLICY, self.refused).await?;
        let status = token.status(status);
        let choice = |factor: FactorKind| Choice {
            word: factor.as_str(),
            name: factor_in_words(factor),
            on: self.factors.contains(&factor.as_str()),
        };
        let page = PolicyPage {
            shell: admin.shell("Policy"),
            frame: admin.frame(Here::Policy, query),
            factors: FACTORS.map(choice).into(),
            factors_fault: self.factors_fault,
            keys: self.keys,
            logins: admin.me.standing.firm.policy.logins.join(", "),
            token,
        };
        Ok(page.token.answer(layout::page(status, &page)))
    }
}

async fn saved(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let admin = desk.admin(POLICY).await?;
    let mut form = Form::typed(&fields);
    let Some(policy) = form.read(&admin) else {
        return form.page(&admin, &fields, StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    admin.fresh(POLICY)?;
    let factor = match admin.confirm(&fields).await? {
        Ok(factor) => factor,
        Err(refused) => {
            form.refused = Some(refused);
            return form.page(&admin, &fields, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
    };
    if !policy.allows(factor) {
        form.factors_fault = Some(
            "You have just confirmed with a factor that this takes away: you would be locked out.".into(),
        );
        return form.page(&admin, &fields, StatusCode::CONFLICT).await;
    }
    let mut before = None;
    let edit = |firm: &Firm| {
        before = Some(firm.policy.clone());
        // Name and `logins` as they stand now: ops may have set them since this admin was looked up.
        let logins = firm.policy.logins.clone();
        let policy = Policy { logins, ..policy };
        Ok::<_, ChangeRefused>((firm.name.clone(), policy))
    };
    let directory = &desk.door.directory;
    let firm = directory
        .edit_firm(&admin.actor(), admin.firm(), admin.now(), edit)
        .await?;
    desk.door.copies.changed_here().await?;
    let after = firm.policy;
    let saved = before
        .filter(|before| *before != after)
        .map(|before| Saved::Policy { before, after });
    let next = admin.after_saving(POLICY, saved.as_ref()).await;
    admin.go_on(factor, &next).await
}
