//! `admin/import` and `admin/export`: the firm's people as CSV. An import is looked over first, every bad line with
//! its reason, and then made as a whole or not at all. It never reads whose people they are: the admin's.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::layout::{self, Shell};
use super::super::proof;
use super::super::refusal::Stop;
use super::confirm::with_done;
use super::guard::{Admin, Frame, Here, TokenBox};
use super::look_over::LookedOver;
use super::table::EMPLOYEES;
use super::{Answer, csv, progress};
use crate::directory::{Actor, AuditEvent, EmployeeFilter, ImportRefused, Phone};
use crate::views::sheet::{BadLine, COLUMNS, Sheet};

/// The import's address.
pub(super) const IMPORT: &str = "/.doorstep/admin/import";
/// The longest file and its form, in bytes: some 80,000 employees.
pub(super) const LONGEST: usize = 8 << 20;
const EXPORT: &str = "/.doorstep/admin/export";
/// So many bad lines are shown.
const SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "admin/import.html")]
struct ImportPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    patterns: String,
    fault: Option<String>,
    preview: Option<Preview>,
    csrf: String,
}

/// What a file would do.
struct Preview {
    rows: usize,
    bad: Vec<BadLine>,
    more_bad: usize,
    /// On so many lines.
    bad_lines: usize,
    first: Vec<(String, String, String, &'static str)>,
    /// The file again, escaped, for the form that imports it.
    html: String,
    token: TokenBox,
}

#[derive(Template)]
#[template(path = "admin/export.html")]
struct ExportPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    token: TokenBox,
}

/// GET `admin/import`.
pub(super) async fn choose(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(chosen(&desk, &uri).await)
}

/// POST `admin/import` (`multipart/form-data`: `file`, to look it over; `text` and `token`, to import it).
pub(super) async fn import(desk: Desk, request: Request) -> Response {
    let in_lines = progress::is_wanted(request.headers());
    let uploaded = match uploaded(&desk, request).await {
        Ok(uploaded) => uploaded,
        Err(stop) => return desk.finish(Err(stop)),
    };
    match uploaded {
        Uploaded::Nothing => desk.finish(nothing(&desk).await),
        Uploaded::ToLookOver(text) if in_lines => progress::look_over(desk, text),
        Uploaded::ToLookOver(text) => desk.finish(looked_over(&desk, text, |_| {}).await),
        Uploaded::ToImport(text, proof) => match confirmed(&desk, text, &proof).await {
            Ok(Confirmed::Ready(actor, sheet)) if in_lines => progress::import(desk, actor, sheet.rows),
            Ok(Confirmed::Ready(actor, sheet)) => desk.finish(imported(&desk, &actor, sheet).await),
            Ok(Confirmed::Not(page)) => desk.finish(Ok(page)),
            Err(stop) => desk.finish(Err(stop)),
        },
    }
}

/// What was posted.
enum Uploaded {
    Nothing,
    ToLookOver(Arc<str>),
    ToImport(Arc<str>, Fields),
}

/// Whether what was looked over may be imported.
enum Confirmed {
    /// A page says why not.
    Not(http::Response<bytes::Bytes>),
    Ready(Actor, Sheet),
}

/// GET `admin/export`.
pub(super) async fn ask(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(asked(&desk, &uri).await)
}

/// POST `admin/export` (`token`): a POST with a token, as it holds everybody's full number.
pub(super) async fn export(desk: Desk, request: Request) -> Response {
    desk.finish(exported(&desk, request).await)
}

async fn chosen(desk: &Desk, uri: &http::Uri) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let admin = desk.admin(IMPORT).await?;
    Ok(page(&admin, &query, None, None, StatusCode::OK))
}

fn page(
    admin: &Admin<'_>,
    query: &Fields,
    fault: Option<String>,
    preview: Option<Preview>,
    status: StatusCode,
) -> http::Response<bytes::Bytes> {
    let page = ImportPage {
        shell: admin.shell("Import employees"),
        frame: admin.frame(Here::Employees, query),
        patterns: admin.me.standing.firm.policy.logins.join(", "),
        fault,
        preview,
        csrf: admin.session.token.form_token(),
    };
    layout::page(status, &page)
}

/// What was posted, with the same proof as any other form's. Whoever posts is looked at before the body is.
async fn uploaded(desk: &Desk, request: Request) -> Result<Uploaded, Stop> {
    let (parts, body) = request.into_parts();
    proof::check_site(&parts.headers, desk.settings.config.listen.own_origin())?;
    let session = desk.session()?;
    let _ = desk.admin(IMPORT).await?;
    let fields = parts_of(&parts.headers, body).await?;
    proof::check_token(&parts.headers, &fields, &session.token)?;
    let text = |name| {
        fields
            .get(name)
            .filter(|text| !text.trim().is_empty())
            .map(Arc::from)
    };
    Ok(match (text("text"), text("file")) {
        (Some(text), _) => Uploaded::ToImport(text, fields),
        (None, Some(file)) if fields.get("text").is_none() => Uploaded::ToLookOver(file),
        _ => Uploaded::Nothing,
    })
}

async fn parts_of(headers: &HeaderMap, body: Body) -> Result<Fields, Stop> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let boundary =
        multer::parse_boundary(content_type.unwrap_or_default()).map_err(|_| Stop::UnsupportedType)?;
    let limits = multer::SizeLimit::new().whole_stream(LONGEST as u64);
    let constraints = multer::Constraints::new().size_limit(limits);
    let mut parts = multer::Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
    let unreadable = |error: multer::Error| match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => Stop::TooLarge,
        _ => Stop::BadBody("The form cannot be read."),
    };
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(unreadable)?;
        // What is not UTF-8 is told line by line, so it is not refused here.
        pairs.push((name, String::from_utf8_lossy(&bytes).into_owned()));
    }
    Ok(Fields::of(pairs))
}

async fn nothing(desk: &Desk) -> Answer {
    let admin = desk.admin(IMPORT).await?;
    let fault = Some("Choose a CSV file.".to_owned());
    let none = Fields::of(Vec::new());
    Ok(page(&admin, &none, fault, None, StatusCode::UNPROCESSABLE_ENTITY))
}

/// The page that says what a file would do; `told` hears how many bytes are read.
pub(super) async fn looked_over(
    desk: &Desk,
    text: Arc<str>,
    told: impl Fn(usize) + Send + 'static,
) -> Answer {
    let admin = desk.admin(IMPORT).await?;
    match admin.look_over(text, told).await? {
        Ok(looked) => previewed(&admin, looked, None).await,
        Err(bad) => Ok(unreadable(&admin, bad)),
    }
}

/// Looks the file over once more, as it came from a browser, and judges the token that confirms it.
async fn confirmed(desk: &Desk, text: Arc<str>, proof: &Fields) -> Result<Confirmed, Stop> {
    let admin = desk.admin(IMPORT).await?;
    let looked = match admin.look_over(text, |_| {}).await? {
        Ok(looked) => looked,
        Err(bad) => return Ok(Confirmed::Not(unreadable(&admin, bad))),
    };
    if !looked.sheet.bad.is_empty() {
        return previewed(&admin, looked, None).await.map(Confirmed::Not);
    }
    admin.fresh(IMPORT)?;
    if let Err(refused) = admin.confirm(proof).await? {
        let page = previewed(&admin, looked, Some(refused)).await;
        return page.map(Confirmed::Not);
    }
    Ok(Confirmed::Ready(admin.actor(), looked.sheet))
}

fn unreadable(admin: &Admin<'_>, (line, why): BadLine) -> http::Response<bytes::Bytes> {
    let fault = Some(format!("Line {line}: {why}. Nothing was imported."));
    let none = Fields::of(Vec::new());
    page(admin, &none, fault, None, StatusCode::UNPROCESSABLE_ENTITY)
}

/// The page that shows what was found.
async fn previewed(admin: &Admin<'_>, looked: LookedOver, refused: Option<super::guard::Refused>) -> Answer {
    let otherwise = match (looked.sheet.bad.is_empty(), &refused) {
        (true, None) => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let preview = preview(admin, looked, refused).await?;
    let status = preview.token.status(otherwise);
    let none = Fields::of(Vec::new());
    Ok(page(admin, &none, None, Some(preview), status))
}

async fn imported(desk: &Desk, actor: &Actor, sheet: Sheet) -> Answer {
    let done = desk
        .door
        .directory
        .import_employees(actor, &sheet.rows, desk.now(), &|_| {})
        .await;
    match done {
        Ok(()) => {}
        Err(ImportRefused::Unknown(unknown)) => return Err(unknown.into()),
        Err(ImportRefused::Rows(rows)) => {
            let html = String::new();
            let mut looked = LookedOver { sheet, html };
            looked.refuse(rows);
            let admin = desk.admin(IMPORT).await?;
            let preview = preview(&admin, looked, None).await?;
            let none = Fields::of(Vec::new());
            return Ok(page(&admin, &none, None, Some(preview), StatusCode::CONFLICT));
        }
    }
    desk.door.copies.changed_here().await?;
    Ok(layout::see_other(&with_done(EMPLOYEES, "imported")))
}

async fn preview(
    admin: &Admin<'_>,
    looked: LookedOver,
    refused: Option<super::guard::Refused>,
) -> Result<Preview, Stop> {
    let row = |row: &crate::directory::NewEmployee| {
        let phone = row.phone.as_ref().map(Phone::masked).unwrap_or_default();
        (row.login.to_string(), row.name.clone(), phone, row.role.as_str())
    };
    let LookedOver { sheet, html } = looked;
    let mut bad_lines: Vec<u64> = sheet.bad.iter().map(|(line, _)| *line).collect();
    bad_lines.dedup();
    Ok(Preview {
        rows: sheet.rows.len(),
        more_bad: sheet.bad.len().saturating_sub(SHOWN),
        bad_lines: bad_lines.len(),
        bad: sheet.bad.iter().take(SHOWN).cloned().collect(),
        first: sheet.rows.iter().take(10).map(row).collect(),
        html,
        token: admin.token_box(IMPORT, refused).await?,
    })
}

async fn asked(desk: &Desk, uri: &http::Uri) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let admin = desk.admin(EXPORT).await?;
    export_page(&admin, &query, None).await
}

async fn export_page(admin: &Admin<'_>, query: &Fields, refused: Option<super::guard::Refused>) -> Answer {
    let page = ExportPage {
        shell: admin.shell("Export employees"),
        frame: admin.frame(Here::Employees, query),
        token: admin.token_box(EXPORT, refused).await?,
    };
    let status = page.token.status(StatusCode::OK);
    Ok(page.token.answer(layout::page(status, &page)))
}

async fn exported(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let admin = desk.admin(EXPORT).await?;
    admin.fresh(EXPORT)?;
    if let Err(refused) = admin.confirm(&fields).await? {
        return export_page(&admin, &fields, Some(refused)).await;
    }
    let filter = EmployeeFilter {
        firm: Some(admin.firm().clone()),
        ..EmployeeFilter::default()
    };
    let people = desk.door.directory.employees(&filter).await?;
    let event = AuditEvent {
        event: "employee.exported",
        actor: admin.actor(),
        firm: Some(admin.firm().clone()),
        login: None,
        details: json!({"count": people.len()}),
    };
    desk.door.directory.audit(&event, admin.now()).await?;
    let rows = people.into_iter().map(|person| {
        let standing = person.standing;
        vec![
            standing.login.to_string(),
            standing.name,
            person
                .phone
                .map(|phone| phone.e164().to_owned())
                .unwrap_or_default(),
            standing.firm.id.to_string(),
            standing.role.as_str().to_owned(),
            person.email.unwrap_or_default(),
        ]
    });
    csv::file("employees", &COLUMNS, rows)
}
