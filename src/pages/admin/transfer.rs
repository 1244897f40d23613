//! `admin/import` and `admin/export`: the firm's people as CSV. An import is looked over first, every bad line with
//! its reason, and then made as a whole or not at all. It never reads whose people they are: the admin's.

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
use super::profile::allowed_login;
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
    first: Vec<(String, String, String, &'static str)>,
    /// The file again, for the form that imports it.
    text: String,
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
    match looked_at(&desk, request).await {
        Ok(Looked::Ready(actor, sheet)) if in_lines => progress::import(desk, actor, sheet.rows),
        Ok(Looked::Ready(actor, sheet)) => desk.finish(imported(&desk, &actor, sheet).await),
        Ok(Looked::Page(page)) => desk.finish(Ok(page)),
        Err(stop) => desk.finish(Err(stop)),
    }
}

/// What came of looking a file over.
enum Looked {
    /// A page says so.
    Page(http::Response<bytes::Bytes>),
    /// It is confirmed, and to be imported.
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
    page(&admin, &query, None, None, StatusCode::OK)
}

fn page(
    admin: &Admin<'_>,
    query: &Fields,
    fault: Option<String>,
    preview: Option<Preview>,
    status: StatusCode,
) -> Answer {
    let page = ImportPage {
        shell: admin.shell("Import employees"),
        frame: admin.frame(Here::Employees, query),
        patterns: admin.me.standing.firm.policy.logins.join(", "),
        fault,
        preview,
        csrf: admin.session.token.form_token(),
    };
    Ok(layout::page(status, &page))
}

/// What was posted, with the same proof as any other form's. Whoever posts is looked at before the body is.
async fn uploaded<'a>(desk: &'a Desk, request: Request) -> Result<(Admin<'a>, Fields), Stop> {
    let (parts, body) = request.into_parts();
    proof::check_site(&parts.headers, desk.settings.config.listen.own_origin())?;
    let session = desk.session()?;
    let admin = desk.admin(IMPORT).await?;
    let fields = parts_of(&parts.headers, body).await?;
    proof::check_token(&parts.headers, &fields, &session.token)?;
    Ok((admin, fields))
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

async fn looked_at(desk: &Desk, request: Request) -> Result<Looked, Stop> {
    let (admin, fields) = uploaded(desk, request).await?;
    let looks_only = fields.get("text").is_none();
    let text = fields.get("text").or(fields.get("file")).unwrap_or_default();
    if text.trim().is_empty() {
        let fault = "Choose a CSV file.".to_owned();
        return shown(
            &admin,
            &fields,
            Some(fault),
            None,
            StatusCode::UNPROCESSABLE_ENTITY,
        );
    }
    let sheet = match looked_over(&admin, text).await? {
        Ok(sheet) => sheet,
        Err((line, why)) => {
            let fault = format!("Line {line}: {why}. Nothing was imported.");
            return shown(
                &admin,
                &fields,
                Some(fault),
                None,
                StatusCode::UNPROCESSABLE_ENTITY,
            );
        }
    };
    if looks_only || !sheet.bad.is_empty() {
        let status = match sheet.bad.len() {
            0 => StatusCode::OK,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let preview = preview(&admin, &sheet, text, None).await?;
        return shown(&admin, &fields, None, Some(preview), status);
    }
    admin.fresh(IMPORT)?;
    if let Err(refused) = admin.confirm(&fields).await? {
        let preview = preview(&admin, &sheet, text, Some(refused)).await?;
        let status = preview.token.status(StatusCode::UNPROCESSABLE_ENTITY);
        return shown(&admin, &fields, None, Some(preview), status);
    }
    Ok(Looked::Ready(admin.actor(), sheet))
}

fn shown(
    admin: &Admin<'_>,
    query: &Fields,
    fault: Option<String>,
    preview: Option<Preview>,
    status: StatusCode,
) -> Result<Looked, Stop> {
    page(admin, query, fault, preview, status).map(Looked::Page)
}

async fn imported(desk: &Desk, actor: &Actor, mut sheet: Sheet) -> Answer {
    let done = desk
        .door
        .directory
        .import_employees(actor, &sheet.rows, desk.now(), &|_| {})
        .await;
    match done {
        Ok(()) => {}
        Err(ImportRefused::Unknown(unknown)) => return Err(unknown.into()),
        Err(ImportRefused::Rows(rows)) => {
            sheet.refuse(rows);
            let admin = desk.admin(IMPORT).await?;
            let preview = preview(&admin, &sheet, "", None).await?;
            return page(
                &admin,
                &Fields::of(Vec::new()),
                None,
                Some(preview),
                StatusCode::CONFLICT,
            );
        }
    }
    desk.door.copies.changed_here().await?;
    Ok(layout::see_other(&with_done(EMPLOYEES, "imported")))
}

/// Reads a file and finds everything that is wrong with it: what cannot be read, logins that the firm may not
/// have, and what is there already.
async fn looked_over(admin: &Admin<'_>, text: &str) -> Result<Result<Sheet, BadLine>, Stop> {
    let mut sheet = match Sheet::read_for(text.as_bytes(), Some(admin.firm())) {
        Ok(sheet) => sheet,
        Err(bad) => return Ok(Err(bad)),
    };
    let policy = &admin.me.standing.firm.policy;
    let mut refused = Vec::new();
    for (index, row) in sheet.rows.iter().enumerate() {
        if let Err(why) = allowed_login(row.login.as_str(), policy) {
            refused.push((index, why));
        }
    }
    sheet.refuse(refused);
    let misfits = admin
        .desk
        .door
        .directory
        .import_misfits(&sheet.rows, admin.now())
        .await?;
    sheet.refuse(misfits);
    sheet.bad.sort();
    Ok(Ok(sheet))
}

async fn preview(
    admin: &Admin<'_>,
    sheet: &Sheet,
    text: &str,
    refused: Option<super::guard::Refused>,
) -> Result<Preview, Stop> {
    let row = |row: &crate::directory::NewEmployee| {
        let phone = row.phone.as_ref().map(Phone::masked).unwrap_or_default();
        (row.login.to_string(), row.name.clone(), phone, row.role.as_str())
    };
    Ok(Preview {
        rows: sheet.rows.len(),
        more_bad: sheet.bad.len().saturating_sub(SHOWN),
        bad: sheet.bad.iter().take(SHOWN).cloned().collect(),
        first: sheet.rows.iter().take(10).map(row).collect(),
        text: if sheet.bad.is_empty() {
            text.to_owned()
        } else {
            String::new()
        },
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
