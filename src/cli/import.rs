//! `doorstep employee import` and `export`: CSV, columns by header, all or nothing, every bad line named.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::context::{Context, ops};
use super::employee::to_json;
use super::failure::Failure;
use crate::directory::{EmployeeFilter, ImportRefused, Phone};
use crate::gate::FirmId;
use crate::views::sheet::{BadLine, COLUMNS, Sheet};

/// Shorter files are done before a bar could be read.
const LONG: usize = 500;

/// Adds employees from a file, all or none.
pub(super) async fn import(context: &Context, file: &Path) -> Result<(), Failure> {
    let bytes = read(file)?;
    let mut sheet = Sheet::read(&bytes).map_err(|(line, what)| {
        Failure::Refused(format!("{}:{line}: {what}. Nothing was imported", file.display()))
    })?;
    let (_, directory) = context.directory().await?;
    let bad = if sheet.bad.is_empty() {
        let progress = Progress::of(sheet.rows.len());
        let done = directory
            .import_employees(&ops(), &sheet.rows, context.now(), &|done| progress.at(done))
            .await;
        progress.end();
        match done {
            Ok(()) => Vec::new(),
            Err(ImportRefused::Unknown(unknown)) => return Err(unknown.into()),
            Err(ImportRefused::Rows(rows)) => sheet.by_line(rows),
        }
    } else {
        // It is not even tried: so that all bad lines are told at once, the directory's are asked for.
        let mut bad = sheet.by_line(directory.import_misfits(&sheet.rows).await?);
        bad.append(&mut sheet.bad);
        bad
    };
    finish(context, file, sheet.rows.len(), bad)
}

fn finish(context: &Context, file: &Path, rows: usize, mut bad: Vec<BadLine>) -> Result<(), Failure> {
    if bad.is_empty() {
        return context.screen.result(
            &format!("Imported {rows} employees."),
            || json!({"imported": rows}),
        );
    }
    bad.sort();
    if context.screen.json {
        let errors = || {
            bad.iter()
                .map(|(line, what)| json!({"line": line, "what": what}))
                .collect::<Value>()
        };
        context
            .screen
            .result("", || json!({"imported": 0, "errors": errors()}))?;
    }
    let lines: Vec<String> = bad
        .iter()
        .map(|(line, what)| format!("{}:{line}: {what}", file.display()))
        .collect();
    let count = match lines.len() {
        1 => "1 line does not fit".to_owned(),
        more => format!("{more} lines do not fit"),
    };
    Err(Failure::Refused(format!(
        "{count}, so nothing was imported:\n{}",
        lines.join("\n")
    )))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| Failure::Refused(format!("{} cannot be read: {error}", file.display())))
}

/// A bar on a terminal, a line every few seconds elsewhere; nothing for short files.
enum Progress {
    Silent,
    Bar(ProgressBar),
    Lines { total: usize, told: Mutex<Instant> },
}

impl Progress {
    fn of(total: usize) -> Self {
        if total < LONG {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines {
                total,
                told: Mutex::new(Instant::now()),
            };
        }
        let bar = ProgressBar::new(total as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} employees, {eta} left") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn at(&self, done: usize) {
        match self {
            Self::Silent => {}
            Self::Bar(bar) => bar.set_position(done as u64),
            Self::Lines { total, told } => {
                let Ok(mut told) = told.lock() else { return };
                if told.elapsed() >= Duration::from_secs(3) {
                    *told = Instant::now();
                    eprintln!("{done} of {total} employees");
                }
            }
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Writes employees as CSV, with the columns that import reads.
pub(super) async fn export(context: &Context, firm: Option<FirmId>) -> Result<(), Failure> {
    let (_, directory) = context.directory().await?;
    let filter = EmployeeFilter {
        firm,
        ..EmployeeFilter::default()
    };
    let people = directory.employees(&filter).await?;
    if context.screen.json {
        let now = context.now();
        let json = || Value::Array(people.iter().map(|person| to_json(person, now)).collect());
        return context.screen.result("", json);
    }
    let refused = |error: String| Failure::Refused(format!("the CSV cannot be written: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(COLUMNS)
        .map_err(|error| refused(error.to_string()))?;
    for person in &people {
        let standing = &person.standing;
        let record = [
            standing.login.as_str(),
            &standing.name,
            person.phone.as_ref().map_or("", Phone::e164),
            standing.firm.id.as_str(),
            standing.role.as_str(),
            person.email.as_deref().unwrap_or(""),
        ];
        writer
            .write_record(record)
            .map_err(|error| refused(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| refused(error.to_string()))?;
    context.screen.say(&String::from_utf8_lossy(&bytes))
}
