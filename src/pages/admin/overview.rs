//! `admin/`: the firm's question, what the answer means, and its people.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::layout::{self, Shell};
use super::super::moment::Moment;
use super::guard::{Frame, Here};
use super::table::{Table, TableView};
use super::two_factor::Meaning;
use super::{ADMIN, Answer};
use crate::clock::Timestamp;
use crate::gate::TwoFactor;

#[derive(Template)]
#[template(path = "admin/overview.html")]
struct OverviewPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    flag: Flag,
    meaning: Meaning,
    table: Table,
}

/// How the question stands.
pub(super) struct Flag {
    pub on: bool,
    /// On, but only from then on.
    pub from: Option<Moment>,
}

impl Flag {
    pub fn of(two_factor: TwoFactor, now: Timestamp) -> Self {
        Self {
            on: two_factor.enabled,
            from: two_factor
                .from
                .filter(|from| two_factor.enabled && now < *from)
                .map(Moment::day),
        }
    }
}

/// GET `admin/`.
pub(super) async fn show(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(page(&desk, &uri).await)
}

async fn page(desk: &Desk, uri: &http::Uri) -> Answer {
    let admin = desk.admin(ADMIN).await?;
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let counts = desk
        .door
        .directory
        .roster_counts(admin.firm(), admin.now())
        .await?;
    let page = OverviewPage {
        shell: admin.shell("Manage Employees"),
        frame: admin.frame(Here::Employees, &query),
        flag: Flag::of(admin.me.standing.firm.two_factor, admin.now()),
        meaning: Meaning::of(&admin).await?,
        table: Table::of(&admin, TableView::of(&query), counts).await?,
    };
    Ok(layout::page(StatusCode::OK, &page))
}
