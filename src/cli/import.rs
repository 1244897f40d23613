//! `doorstep employee import` and `export`: CSV, columns by header, all or nothing, every bad line named.

use std::collections::{HashMap, HashSet};
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use csv::{ByteRecord, ReaderBuilder};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::context::{Context, ops};
use super::employee::to_json;
use super::failure::Failure;
use crate::directory::{Directory, EmployeeFilter, ImportRefused, NewEmployee, Phone};
use crate::gate::{FirmId, Login, Role};

const COLUMNS: [&str; 6] = ["login", "name", "phone", "firm", "role", "email"];
/// Shorter files are done before a bar could be read.
const LONG: usize = 500;

/// A line that does not fit, from 1, and why.
type BadLine = (u64, String);

/// Adds employees from a file, all or none.
pub(super) async fn import(context: &Context, file: &Path) -> Result<(), Failure> {
    let bytes = read(file)?;
    let sheet = Sheet::read(&bytes).map_err(|(line, what)| {
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
            Err(ImportRefused::Rows(rows)) => rows
                .into_iter()
                .map(|(index, why)| (sheet.lines.get(index).copied().unwrap_or(0), why))
                .collect(),
        }
    } else {
        let mut bad = sheet.misfits(&directory).await?;
        bad.extend(sheet.bad);
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

/// A file's rows that can be read, each with its line, and the lines that cannot.
#[derive(Debug)]
struct Sheet {
    rows: Vec<NewEmployee>,
    lines: Vec<u64>,
    bad: Vec<BadLine>,
}

impl Sheet {
    /// Reads a file; an error where its header does not fit.
    fn read(bytes: &[u8]) -> Result<Self, BadLine> {
        // Spreadsheets put a byte order mark in front.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .has_headers(true)
            .from_reader(bytes);
        let header = reader.byte_headers().map_err(|error| (1, error.to_string()))?;
        let columns = Columns::of(header).map_err(|what| (1, what))?;
        let mut sheet = Self {
            rows: Vec::new(),
            lines: Vec::new(),
            bad: Vec::new(),
        };
        let mut seen: HashMap<String, u64> = HashMap::new();
        let mut lines = Lines::of(bytes);
        let mut record = ByteRecord::new();
        loop {
            let line = lines.at(reader.position().byte());
            match reader.read_byte_record(&mut record) {
                Ok(false) => return Ok(sheet),
                Ok(true) => {}
                Err(error) => {
                    sheet.bad.push((line, error.to_string()));
                    return Ok(sheet);
                }
            }
            match columns.row(&record) {
                Ok(row) => match seen.insert(row.login.folded().to_owned(), line) {
                    Some(first) => {
                        sheet.bad.push((
                            line,
                            format!("the login {} is on line {first} already", row.login),
                        ));
                    }
                    None => {
                        sheet.rows.push(row);
                        sheet.lines.push(line);
                    }
                },
                Err(faults) => sheet.bad.extend(faults.into_iter().map(|what| (line, what))),
            }
        }
    }

    /// What the directory would refuse, where the file is not even tried because other lines are bad: so that
    /// all of them are told at once.
    async fn misfits(&self, directory: &Directory) -> Result<Vec<BadLine>, Failure> {
        let firms: HashSet<FirmId> = directory.firms().await?.into_iter().map(|firm| firm.id).collect();
        let people = directory.employees(&EmployeeFilter::default()).await?;
        let taken: HashSet<String> = people
            .iter()
            .flat_map(|person| std::iter::once(&person.standing.login).chain(&person.aliases))
            .map(|login| login.folded().to_owned())
            .collect();
        let mut bad = Vec::new();
        for (row, line) in self.rows.iter().zip(&self.lines) {
            if !firms.contains(&row.firm) {
                bad.push((*line, format!("there is no firm {}", row.firm)));
            }
            if taken.contains(row.login.folded()) {
                bad.push((
                    *line,
                    format!(
                        "there is already an employee with the login or alias {}",
                        row.login
                    ),
                ));
            }
        }
        Ok(bad)
    }
}

/// Counts lines. The reader's own count is one short after CRLF, and stays at blank lines that it skips.
struct Lines<'a> {
    bytes: &'a [u8],
    seen: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            seen: 0,
            line: 1,
        }
    }

    /// The line of the first record that begins at `offset` or, after what is blank, behind it.
    fn at(&mut self, offset: u64) -> u64 {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        while let Some(byte) = self.bytes.get(self.seen) {
            if self.seen >= offset && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.seen += 1;
        }
        self.line
    }
}

/// Which column stands where.
struct Columns {
    places: [Option<usize>; 6],
    count: usize,
}

impl Columns {
    fn of(header: &ByteRecord) -> Result<Self, String> {
        let mut places = [None; 6];
        for (index, name) in header.iter().enumerate() {
            let name = String::from_utf8_lossy(name).trim().to_lowercase();
            let known = COLUMNS.iter().position(|column| *column == name).ok_or_else(|| {
                let separator = if name.contains(';') {
                    " (the fields must be separated by commas)"
                } else {
                    ""
                };
                format!(
                    "unknown column {name:?}{separator}; the columns are {}",
                    COLUMNS.join(", ")
                )
            })?;
            if places[known].replace(index).is_some() {
                return Err(format!("the column {name:?} stands there twice"));
            }
        }
        // Only email may be left out.
        for (column, place) in COLUMNS.iter().zip(places).take(5) {
            if place.is_none() {
                return Err(format!(
                    "the column {column:?} is missing; the columns are {}",
                    COLUMNS.join(", ")
                ));
            }
        }
        Ok(Self {
            places,
            count: header.len(),
        })
    }

    /// One employee, or everything that is wrong with the line.
    fn row(&self, record: &ByteRecord) -> Result<NewEmployee, Vec<String>> {
        if record.len() != self.count {
            return Err(vec![format!(
                "has {} fields, but the header has {}",
                record.len(),
                self.count
            )]);
        }
        let mut fields: [&str; 6] = [""; 6];
        for (field, place) in fields.iter_mut().zip(self.places) {
            let bytes = place.and_then(|place| record.get(place)).unwrap_or_default();
            *field = std::str::from_utf8(bytes)
                .map_err(|_| vec!["is not in UTF-8".to_owned()])?
                .trim();
        }
        let [login, name, phone, firm, role, email] = fields;
        let mut faults = Vec::new();
        let login = note(
            &mut faults,
            Login::parse(login).map_err(|error| error.to_string()),
        );
        if name.is_empty() {
            faults.push("the name is empty".to_owned());
        }
        let phone = match phone {
            "" => Some(None),
            text => {
                let parsed = Phone::parse(text, None).map_err(|error| format!("the phone {error}"));
                note(&mut faults, parsed).map(Some)
            }
        };
        let firm = note(&mut faults, FirmId::parse(firm));
        let role = note(&mut faults, parse_role(role));
        match (login, phone, firm, role) {
            (Some(login), Some(phone), Some(firm), Some(role)) if faults.is_empty() => Ok(NewEmployee {
                login,
                firm,
                name: name.to_owned(),
                phone,
                email: Some(email.to_owned()).filter(|email| !email.is_empty()),
                role,
            }),
            _ => Err(faults),
        }
    }
}

fn note<T>(faults: &mut Vec<String>, read: Result<T, String>) -> Option<T> {
    read.map_err(|what| faults.push(what)).ok()
}

fn parse_role(text: &str) -> Result<Role, String> {
    match text.to_lowercase().as_str() {
        "" | "tech" => Ok(Role::Tech),
        "admin" => Ok(Role::Admin),
        _ => Err(format!("{text:?} is no role; write tech or admin")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_their_header_and_a_byte_order_mark_is_no_matter() {
        let text = "\u{feff}Firm, login ,name,role,phone\r\ncorp-a,Anna,\"Anna, A.\",admin,+1 415 555 2671\r\n\r\ncorp-a,ben,Ben,,\r\n";
        let sheet = Sheet::read(text.as_bytes()).unwrap();
        assert!(sheet.bad.is_empty(), "{:?}", sheet.bad);
        assert_eq!(sheet.lines, [2, 4]);
        let anna = &sheet.rows[0];
        assert_eq!(
            (anna.login.as_str(), anna.name.as_str(), anna.role),
            ("Anna", "Anna, A.", Role::Admin)
        );
        assert_eq!(anna.phone.as_ref().unwrap().e164(), "+14155552671");
        assert_eq!((sheet.rows[1].role, &sheet.rows[1].phone), (Role::Tech, &None));
    }

    #[test]
    fn every_bad_line_is_named_by_its_number() {
        let text = b"login,name,phone,firm,role,email\n\
            anna,Anna,,corp-a,tech,\n\
            ben,Ben,12,corp-a,boss,\n\
            ANNA,Anna again,,corp-a,,\n\
            carl,Carl\n\
            ,,,,,\n\
            \xff,Eve,,corp-a,,\n\
            \"fay\",\"Fay\nFine\",,corp-a,,\n\
            gil,Gil,,corp a,,\n";
        let sheet = Sheet::read(text).unwrap();
        let lines: Vec<u64> = sheet.bad.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 3, 4, 5, 6, 6, 6, 7, 10], "{:?}", sheet.bad);
        assert_eq!(sheet.lines, [2, 8]);
        assert!(sheet.bad[2].1.contains("line 2"), "{:?}", sheet.bad[2]);
    }

    #[test]
    fn a_header_that_does_not_fit_is_refused_as_a_whole() {
        for (header, words) in [
            ("login,name,phone,firm", "\"role\" is missing"),
            ("login,name,phone,firm,role,colour", "unknown column \"colour\""),
            ("login;name;phone;firm;role", "separated by commas"),
            ("login,name,phone,firm,role,login", "stands there twice"),
            ("", "is missing"),
        ] {
            let (line, what) = Sheet::read(header.as_bytes()).unwrap_err();
            assert!(line == 1 && what.contains(words), "{header}: {what}");
        }
    }
}
