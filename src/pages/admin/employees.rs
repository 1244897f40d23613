//! `admin/employees`: the table, at an address that says what it shows.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::layout::{self, Shell};
use super::Answer;
use super::guard::{Frame, Here};
use super::table::{Table, TableView};

#[derive(Template)]
#[template(path = "admin/employees.html")]
struct EmployeesPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    table: Table,
}

/// GET `admin/employees` (`q`, `state`, `sort`, `page`).
pub(super) async fn show(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(page(&desk, &uri).await)
}

async fn page(desk: &Desk, uri: &http::Uri) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let view = TableView::of(&query);
    let admin = desk.admin(&view.address()).await?;
    let counts = desk
        .door
        .directory
        .roster_counts(admin.firm(), admin.now())
        .await?;
    let page = EmployeesPage {
        shell: admin.shell("Employees"),
        frame: admin.frame(Here::Employees, &query),
        table: Table::of(&admin, view, counts).await?,
    };
    Ok(layout::page(StatusCode::OK, &page))
}
