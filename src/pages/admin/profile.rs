//! `admin/employee`: a profile, and adding one. Numbers are shown masked; a new one replaces the old.

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::layout::{self, Shell};
use super::super::moment::Moment;
use super::super::refusal::Stop;
use super::Answer;
use super::action::Action;
use super::belongings::{Pending, Thing};
use super::confirm::with_done;
use super::guard::{Admin, Frame, Here, Refused, TokenBox};
use super::table::{profile_address, role_in_words, state_in_words};
use super::undo::Saved;
use crate::directory::{
    ChangeRefused, Employee, EmployeeChanges, NewEmployee, Phone, Profile, ProfileChange,
};
use crate::gate::{AllowedLogins, Login, Policy, Role};

/// Adding an employee.
const NEW: &str = "/.doorstep/admin/employee/new";

const NOT_ALLOWED: &str = "is not among the logins that your firm may have";
const NONE_ALLOWED: &str =
    "cannot be added: whoever runs the portal has not said yet which logins your firm may have";

#[derive(Template)]
#[template(path = "admin/profile.html")]
struct ProfilePage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    /// `None`: a new one.
    who: Option<Who>,
    /// The patterns of the logins that the firm may have.
    patterns: String,
    typed: Typed,
    faults: Faults,
    token: TokenBox,
}

impl ProfilePage<'_> {
    fn is_me(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.me)
    }

    fn has_phone(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.phone.is_some())
    }

    fn roles(&self) -> [(&'static str, &'static str); 2] {
        [Role::Tech, Role::Admin].map(|role| (role.as_str(), role_in_words(role)))
    }
}

/// Whose profile it is.
struct Who {
    login: String,
    encoded: String,
    name: String,
    state: &'static str,
    words: &'static str,
    me: bool,
    active: bool,
    locked: bool,
    phone: Option<String>,
    country: String,
    suspended: bool,
    last: Option<Moment>,
    /// Where a number that a reset suspended is confirmed.
    confirm_phone: Option<String>,
    change: Option<Pending>,
    factors: Vec<Thing>,
    devices: Vec<Thing>,
    sessions: Vec<Thing>,
}

/// What stands in the fields.
#[derive(Default)]
struct Typed {
    login: String,
    name: String,
    email: String,
    role: String,
    phone: String,
    aliases: String,
    remove_phone: bool,
}

/// What is wrong with them, each beside its field.
#[derive(Default)]
struct Faults {
    login: Option<String>,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    aliases: Option<String>,
    role: Option<String>,
}

impl Faults {
    fn any(&self) -> bool {
        [
            &self.login,
            &self.name,
            &self.email,
            &self.phone,
            &self.aliases,
            &self.role,
        ]
        .iter()
        .any(|fault| fault.is_some())
    }
}

impl Typed {
    fn of(fields: &Fields) -> Self {
        let text = |name: &str| fields.get(name).unwrap_or_default().trim().to_owned();
        Self {
            login: text("login"),
            name: text("name"),
            email: text("email"),
            role: text("role"),
            phone: text("phone"),
            aliases: text("aliases"),
            remove_phone: fields.get("remove_phone") == Some("yes"),
        }
    }

    fn from(employee: &Employee) -> Self {
        let aliases: Vec<&str> = employee.aliases.iter().map(Login::as_str).collect();
        Self {
            login: employee.standing.login.to_string(),
            name: employee.standing.name.clone(),
            email: employee.email.clone().unwrap_or_default(),
            role: employee.standing.role.as_str().to_owned(),
            aliases: aliases.join("\n"),
            ..Self::default()
        }
    }

    fn role(&self, faults: &mut Faults) -> Role {
        match self.role.as_str() {
            "admin" => Role::Admin,
            "tech" => Role::Tech,
            _ => {
                faults.role = Some("Choose tech or admin.".into());
                Role::Tech
            }
        }
    }

    fn name(&self, faults: &mut Faults) -> String {
        if self.name.is_empty() {
            faults.name = Some("The name is empty.".into());
        } else if self.name.chars().count() > 200 || self.name.chars().any(char::is_control) {
            faults.name = Some("The name is too long, or holds what cannot be shown.".into());
        }
        self.name.clone()
    }

    fn email(&self, faults: &mut Faults) -> Option<String> {
        let email = &self.email;
        if email.is_empty() {
            return None;
        }
        let plain = email.len() <= 254 && !email.chars().any(|c| c.is_control() || c.is_whitespace());
        let fits = plain
            && email
                .split_once('@')
                .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        if !fits {
            faults.email = Some("That is no e-mail address.".into());
        }
        Some(email.clone())
    }

    fn phone(&self, faults: &mut Faults) -> Option<Phone> {
        if self.phone.is_empty() {
            return None;
        }
        match Phone::parse(&self.phone, None) {
            Ok(phone) => Some(phone),
            Err(why) => {
                faults.phone = Some(format!("The number {why}."));
                None
            }
        }
    }
}

/// A login that the firm may have, or why it may not.
pub(super) fn allowed_login(text: &str, policy: &Policy) -> Result<Login, String> {
    let login = Login::parse(text).map_err(|error| format!("{error}"))?;
    match not_allowed(&login, &policy.allowed_logins(), policy) {
        None => Ok(login),
        Some(why) => Err(why),
    }
}

/// Why the firm may not have a login; `None`: it may.
pub(super) fn not_allowed(login: &Login, allowed: &AllowedLogins, policy: &Policy) -> Option<String> {
    if policy.logins.is_empty() {
        return Some(format!("{login} {NONE_ALLOWED}"));
    }
    let patterns = || policy.logins.join(", ");
    (!allowed.hold(login)).then(|| format!("{login} {NOT_ALLOWED}: {}", patterns()))
}

/// GET `admin/employee?login=`.
pub(super) async fn show(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(page(&desk, &uri).await)
}

/// POST `admin/employee` (`login`, `name`, `email`, `role`, `phone`, `remove_phone`, `aliases`, `token`).
pub(super) async fn save(desk: Desk, request: Request) -> Response {
    desk.finish(saved(&desk, request).await)
}

/// GET `admin/employee/new`.
pub(super) async fn blank(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(blank_page(&desk, &uri).await)
}

/// POST `admin/employee/new`.
pub(super) async fn add(desk: Desk, request: Request) -> Response {
    desk.finish(added(&desk, request).await)
}

/// POST `admin/phone-check` (`phone`): whether a number will do, and of which country it is. A POST, so that no
/// number stands in an address or a log.
pub(super) async fn check_phone(desk: Desk, request: Request) -> Response {
    desk.finish(phone_checked(&desk, request).await)
}

async fn phone_checked(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    desk.admin(super::ADMIN).await?;
    let answer = match Phone::parse(fields.get("phone").unwrap_or_default(), None) {
        Ok(phone) => json!({"valid": true, "country": phone.country()}),
        Err(why) => json!({"valid": false, "error": format!("The number {why}.")}),
    };
    Ok(layout::json(StatusCode::OK, &answer))
}

async fn page(desk: &Desk, uri: &http::Uri) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let here = profile_address(query.get("login").unwrap_or_default());
    let admin = desk.admin(&here).await?;
    let employee = admin.colleague(query.get("login")).await?;
    let form = Form {
        typed: Typed::from(&employee),
        faults: Faults::default(),
        refused: None,
    };
    form.page(&admin, Some(&employee), &query, StatusCode::OK).await
}

async fn blank_page(desk: &Desk, uri: &http::Uri) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let admin = desk.admin(NEW).await?;
    let typed = Typed {
        role: "tech".into(),
        ..Typed::default()
    };
    let form = Form {
        typed,
        faults: Faults::default(),
        refused: None,
    };
    form.page(&admin, None, &query, StatusCode::OK).await
}

/// The form as it is shown again.
struct Form {
    typed: Typed,
    faults: Faults,
    refused: Option<Refused>,
}

impl Form {
    async fn page(
        self,
        admin: &Admin<'_>,
        employee: Option<&Employee>,
        query: &Fields,
        status: StatusCode,
    ) -> Answer {
        let who = match employee {
            Some(employee) => Some(who(admin, employee).await?),
            None => None,
        };
        let address = employee.map_or_else(
            || NEW.to_owned(),
            |employee| profile_address(employee.standing.login.as_str()),
        );
        let token = admin.token_box(&address, self.refused).await?;
        let title = who
            .as_ref()
            .map_or("Add an employee".to_owned(), |who| who.name.clone());
        let page = ProfilePage {
            shell: admin.shell(&title),
            frame: admin.frame(Here::Employees, query),
            who,
            patterns: admin.me.standing.firm.policy.logins.join(", "),
            typed: self.typed,
            faults: self.faults,
            token,
        };
        let status = page.token.status(status);
        Ok(page.token.answer(layout::page(status, &page)))
    }

    async fn refused(self, admin: &Admin<'_>, employee: Option<&Employee>, fields: &Fields) -> Answer {
        self.page(admin, employee, fields, StatusCode::UNPROCESSABLE_ENTITY)
            .await
    }
}

async fn who(admin: &Admin<'_>, employee: &Employee) -> Result<Who, Stop> {
    let standing = &employee.standing;
    let login = standing.login.as_str();
    let state = employee.state(admin.now());
    let sessions = admin.sessions_of(employee).await?;
    let change = admin.desk.door.directory.phone_change(&standing.login).await?;
    let me = admin.is_me(employee);
    Ok(Who {
        login: login.to_owned(),
        encoded: url::form_urlencoded::byte_serialize(login.as_bytes()).collect(),
        name: if standing.name.is_empty() {
            login.to_owned()
        } else {
            standing.name.clone()
        },
        state,
        words: state_in_words(state),
        me,
        active: standing.active,
        locked: employee.locked_until.is_some_and(|until| admin.now() < until) || employee.failures > 0,
        phone: employee.phone.as_ref().map(Phone::masked),
        country: employee
            .phone
            .as_ref()
            .and_then(Phone::country)
            .unwrap_or_default(),
        suspended: employee.phone_suspended,
        confirm_phone: (employee.phone_suspended && !me).then(|| Action::ConfirmPhone.address(login, "")),
        change: change.map(|change| Pending::of(admin, &change)),
        last: employee.last_sign_in.map(Moment::day),
        factors: admin.factors_of(employee).await?,
        devices: admin.devices_of(employee).await?,
        sessions: sessions
            .iter()
            .map(|record| admin.session_line(employee, record))
            .collect(),
    })
}

async fn saved(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let here = profile_address(fields.get("login").unwrap_or_default());
    let admin = desk.admin(&here).await?;
    let employee = admin.colleague(fields.get("login")).await?;
    let mut form = Form {
        typed: Typed::of(&fields),
        faults: Faults::default(),
        refused: None,
    };
    let changes = changes(&admin, &employee, &form.typed, &mut form.faults);
    if form.faults.any() {
        return form.refused(&admin, Some(&employee), &fields).await;
    }
    admin.fresh(&here)?;
    if let Err(refused) = admin.confirm(&fields).await? {
        form.refused = Some(refused);
        return form.refused(&admin, Some(&employee), &fields).await;
    }
    let login = &employee.standing.login;
    let mut before = None;
    let edit = |employee: &Employee| {
        if employee.standing.firm.id != *admin.firm() {
            return Err(ChangeRefused::NotFound(format!("there is no employee {login}")));
        }
        before = Some(Profile::of(employee));
        Ok(changes)
    };
    let directory = &desk.door.directory;
    let set = directory
        .edit_employee(&admin.actor(), login, admin.now(), edit)
        .await;
    let after = match set {
        Ok(after) => Profile::of(&after),
        Err(ChangeRefused::Duplicate(why)) => {
            form.faults.aliases = Some(format!("{why}."));
            return form.refused(&admin, Some(&employee), &fields).await;
        }
        Err(ChangeRefused::Invalid(why)) => {
            form.faults.name = Some(format!("{why}."));
            return form.refused(&admin, Some(&employee), &fields).await;
        }
        Err(other) => return Err(other.into()),
    };
    desk.door.copies.changed_here().await?;
    let saved = before.filter(|before| *before != after).map(|before| {
        let login = login.clone();
        Saved::Profile(ProfileChange { login, before, after })
    });
    let next = admin.after_saving(&here, saved.as_ref()).await;
    Ok(layout::see_other(&next))
}

/// What the form changes. An admin's own number, names and role are another admin's to change (I14).
fn changes(admin: &Admin<'_>, employee: &Employee, typed: &Typed, faults: &mut Faults) -> EmployeeChanges {
    let mut changes = EmployeeChanges {
        name: Some(typed.name(faults)),
        email: Some(typed.email(faults)),
        ..EmployeeChanges::default()
    };
    if admin.is_me(employee) {
        let own = "Another admin must change this for you.";
        if !typed.phone.is_empty() || typed.remove_phone {
            faults.phone = Some(own.into());
        }
        if !typed.role.is_empty() && typed.role != employee.standing.role.as_str() {
            faults.role = Some(own.into());
        }
        if !typed.aliases.is_empty() && typed.aliases != Typed::from(employee).aliases {
            faults.aliases = Some(own.into());
        }
        return changes;
    }
    changes.role = Some(typed.role(faults));
    changes.phone = match typed.phone(faults) {
        Some(phone) => Some(Some(phone)),
        None => typed.remove_phone.then_some(None),
    };
    let mut aliases = Vec::new();
    for text in typed
        .aliases
        .split(['\n', ','])
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        let known = employee.aliases.iter().find(|alias| alias.as_str() == text);
        let alias = match known {
            // What ops gave before may stay.
            Some(alias) => Ok(alias.clone()),
            None => allowed_login(text, &admin.me.standing.firm.policy),
        };
        match alias {
            Ok(alias) => aliases.push(alias),
            Err(why) => faults.aliases = Some(format!("{why}.")),
        }
    }
    changes.aliases = Some(aliases);
    changes
}

async fn added(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let admin = desk.admin(NEW).await?;
    let mut form = Form {
        typed: Typed::of(&fields),
        faults: Faults::default(),
        refused: None,
    };
    let login = allowed_login(&form.typed.login, &admin.me.standing.firm.policy);
    let faults = &mut form.faults;
    let new = (
        form.typed.name(faults),
        form.typed.phone(faults),
        form.typed.email(faults),
        form.typed.role(faults),
    );
    let (name, phone, email, role) = new;
    let login = match login {
        Ok(login) => Some(login),
        Err(why) => {
            form.faults.login = Some(format!("{why}."));
            None
        }
    };
    let Some(login) = login.filter(|_| !form.faults.any()) else {
        return form.refused(&admin, None, &fields).await;
    };
    admin.fresh(NEW)?;
    if let Err(refused) = admin.confirm(&fields).await? {
        form.refused = Some(refused);
        return form.refused(&admin, None, &fields).await;
    }
    let new = NewEmployee {
        login,
        firm: admin.firm().clone(),
        name,
        phone,
        email,
        role,
    };
    let done = desk
        .door
        .directory
        .add_employee(&admin.actor(), &new, admin.now())
        .await;
    match done {
        Ok(()) => {}
        Err(ChangeRefused::Duplicate(why) | ChangeRefused::Invalid(why)) => {
            form.faults.login = Some(format!("{why}."));
            return form.refused(&admin, None, &fields).await;
        }
        Err(other) => return Err(other.into()),
    }
    desk.door.copies.changed_here().await?;
    let profile = profile_address(new.login.as_str());
    Ok(layout::see_other(&with_done(&profile, "added")))
}
