//! The table of a firm's people: what the address says of it, and what it shows.

use super::super::body::Fields;
use super::super::moment::Moment;
use super::super::refusal::Stop;
use super::guard::Admin;
use crate::clock::Timestamp;
use crate::directory::{
    Employee, EmployeeState, Phone, PhoneChange, RosterCounts, RosterFilter, RosterPage, RosterSort,
};
use crate::gate::{FactorKind, Role};

/// The table's own address.
pub(super) const EMPLOYEES: &str = "/.doorstep/admin/employees";
/// An employee's profile.
pub(super) const EMPLOYEE: &str = "/.doorstep/admin/employee";

/// Rows on a page.
const SIZE: u32 = 50;

/// What a table shows, as its address says it: a view can be sent to a colleague.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableView {
    pub query: String,
    pub state: Option<EmployeeState>,
    pub sort: RosterSort,
    pub descending: bool,
    /// From 1.
    pub page: u32,
}

impl TableView {
    pub fn of(fields: &Fields) -> Self {
        let state = fields.get("state").unwrap_or_default();
        let sort = fields.get("sort").unwrap_or_default();
        let (sort, descending) = match sort.strip_prefix('-') {
            Some(sort) => (sort, true),
            None => (sort, false),
        };
        let query: String = fields.get("q").unwrap_or_default().chars().take(254).collect();
        Self {
            query: query.trim().to_owned(),
            state: EmployeeState::ALL.into_iter().find(|one| one.as_str() == state),
            sort: RosterSort::ALL
                .into_iter()
                .find(|one| one.as_str() == sort)
                .unwrap_or(RosterSort::Name),
            descending,
            page: fields
                .get("page")
                .and_then(|page| page.parse().ok())
                .unwrap_or(1)
                .max(1),
        }
    }

    /// The address that shows this.
    pub fn address(&self) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        if !self.query.is_empty() {
            pairs.append_pair("q", &self.query);
        }
        if let Some(state) = self.state {
            pairs.append_pair("state", state.as_str());
        }
        if self.sort != RosterSort::Name || self.descending {
            pairs.append_pair("sort", &self.sort_word());
        }
        if self.page > 1 {
            pairs.append_pair("page", &self.page.to_string());
        }
        match pairs.finish() {
            query if query.is_empty() => EMPLOYEES.to_owned(),
            query => format!("{EMPLOYEES}?{query}"),
        }
    }

    pub fn sort_word(&self) -> String {
        let sign = if self.descending { "-" } else { "" };
        format!("{sign}{}", self.sort.as_str())
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut view = self.clone();
        view.page = 1;
        change(&mut view);
        view.address()
    }

    fn filter(&self, admin: &Admin<'_>, counts: RosterCounts) -> RosterFilter {
        RosterFilter {
            firm: admin.firm().clone(),
            query: Some(self.query.clone()),
            state: self.state,
            sort: self.sort,
            descending: self.descending,
            size: SIZE,
            page: self.page - 1,
            counted: Some(self.state.map_or(counts.all, |state| counts.of(state))),
        }
    }
}

/// The table as a page shows it.
pub(super) struct Table {
    pub view: TableView,
    pub rows: Vec<Row>,
    pub heads: Vec<Head>,
    pub filters: Vec<FilterLink>,
    /// `1–50 of 1234`.
    pub range: String,
    pub before: Option<String>,
    pub after: Option<String>,
    /// How many of the firm's people wait for another number.
    pub pending: u64,
}

/// A column that can be sorted by.
pub(super) struct Head {
    pub name: &'static str,
    /// Sorts by it, or the other way round; `None`: it cannot.
    pub href: Option<String>,
    /// For `aria-sort`.
    pub sorted: Option<&'static str>,
}

/// A filter by state.
pub(super) struct FilterLink {
    pub name: &'static str,
    pub count: u64,
    pub href: String,
    pub on: bool,
}

/// An employee as a row.
pub(super) struct Row {
    pub name: String,
    pub login: String,
    pub href: String,
    pub phone: String,
    pub role: &'static str,
    pub factors: String,
    pub last: Option<Moment>,
    pub state: &'static str,
    pub words: &'static str,
    /// Asked for another number.
    pub pending: bool,
}

impl Table {
    pub async fn of(admin: &Admin<'_>, view: TableView, counts: RosterCounts) -> Result<Self, Stop> {
        let now = admin.now();
        let found = admin
            .desk
            .door
            .directory
            .roster(&view.filter(admin, counts), now)
            .await?;
        let waiting = match counts.change_pending {
            0 => Vec::new(),
            _ => {
                let directory = &admin.desk.door.directory;
                directory.pending_phone_changes(Some(admin.firm())).await?
            }
        };
        Ok(Self::new(view, &found, &waiting, counts, now))
    }

    fn new(
        mut view: TableView,
        found: &RosterPage,
        waiting: &[PhoneChange],
        counts: RosterCounts,
        now: Timestamp,
    ) -> Self {
        view.page = found.page + 1;
        let first = u64::from(found.page) * u64::from(SIZE);
        let last = first + found.people.len() as u64;
        let range = match found.matching {
            0 => "None".to_owned(),
            all => format!("{}–{last} of {all}", first + 1),
        };
        let page = |page: u32| view.with(|view| view.page = page);
        Self {
            rows: found
                .people
                .iter()
                .map(|person| Row::of(person, waiting, now))
                .collect(),
            heads: heads(&view),
            filters: filters(&view, counts),
            range,
            before: (view.page > 1).then(|| page(view.page - 1)),
            after: (last < found.matching).then(|| page(view.page + 1)),
            pending: counts.change_pending,
            view,
        }
    }
}

fn heads(view: &TableView) -> Vec<Head> {
    let sortable = |name, sort| {
        let on = view.sort == sort;
        let href = view.with(|view| {
            view.descending = on && !view.descending;
            view.sort = sort;
        });
        let sorted = if view.descending {
            "descending"
        } else {
            "ascending"
        };
        Head {
            name,
            href: Some(href),
            sorted: on.then_some(sorted),
        }
    };
    let plain = |name| Head {
        name,
        href: None,
        sorted: None,
    };
    vec![
        sortable("Name", RosterSort::Name),
        sortable("Login", RosterSort::Login),
        plain("Phone"),
        sortable("Role", RosterSort::Role),
        plain("Factors"),
        sortable("Last sign-in", RosterSort::LastSignIn),
        plain("State"),
    ]
}

fn filters(view: &TableView, counts: RosterCounts) -> Vec<FilterLink> {
    let link = |state: Option<EmployeeState>| FilterLink {
        name: state.map_or("All", |state| state_in_words(state.as_str())),
        count: state.map_or(counts.all, |state| counts.of(state)),
        href: view.with(|view| view.state = state),
        on: view.state == state,
    };
    let all = std::iter::once(None).chain(EmployeeState::ALL.into_iter().map(Some));
    all.map(link).collect()
}

impl Row {
    fn of(person: &Employee, waiting: &[PhoneChange], now: Timestamp) -> Self {
        let standing = &person.standing;
        let state = person.state(now);
        Self {
            name: standing.name.clone(),
            login: standing.login.to_string(),
            href: profile_address(standing.login.as_str()),
            phone: person.phone.as_ref().map(Phone::masked).unwrap_or_default(),
            role: role_in_words(standing.role),
            factors: factors_in_words(person),
            last: person.last_sign_in.map(Moment::day),
            state,
            words: state_in_words(state),
            pending: waiting.iter().any(|change| change.login == standing.login),
        }
    }
}

/// The address of an employee's profile.
pub(super) fn profile_address(login: &str) -> String {
    let login: String = url::form_urlencoded::byte_serialize(login.as_bytes()).collect();
    format!("{EMPLOYEE}?login={login}")
}

pub(super) fn role_in_words(role: Role) -> &'static str {
    match role {
        Role::Tech => "Tech",
        Role::Admin => "Admin",
    }
}

pub(super) fn state_in_words(state: &str) -> &'static str {
    match state {
        "ready" => "Ready",
        "no_phone" => "No phone",
        "locked" => "Locked",
        "change_pending" => "Change pending",
        _ => "Deactivated",
    }
}

pub(super) fn factor_in_words(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Push => "Phone app",
        FactorKind::Sms => "SMS",
        FactorKind::Totp => "Authenticator app",
        FactorKind::Passkey => "Passkey",
        FactorKind::RecoveryCode => "Recovery codes",
    }
}

fn factors_in_words(person: &Employee) -> String {
    let mut words: Vec<&str> = person
        .factors
        .iter()
        .map(|factor| factor_in_words(factor.kind))
        .collect();
    if person.usable_phone().is_some() {
        words.push("SMS");
    }
    words.dedup();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_all_of_a_view_and_nonsense_is_the_first_page() {
        for (query, address) in [
            ("", EMPLOYEES.to_owned()),
            (
                "q=%C3%A4+b&state=no_phone&sort=-login&page=3",
                format!("{EMPLOYEES}?q=%C3%A4+b&state=no_phone&sort=-login&page=3"),
            ),
            ("state=dead&sort=phone&page=0", EMPLOYEES.to_owned()),
            ("page=-1&sort=name&q=", EMPLOYEES.to_owned()),
            ("page=99999999999&q=a&q=b", EMPLOYEES.to_owned()),
        ] {
            let view = TableView::of(&Fields::urlencoded(query.as_bytes()));
            assert_eq!(view.address(), address, "{query}");
        }
    }
}
