//! Employees as a sheet of CSV (RFC 4180): columns by header, every bad line named by its number.

use std::collections::HashMap;

use csv::{ByteRecord, ReaderBuilder};

use crate::directory::{NewEmployee, Phone};
use crate::gate::{FirmId, Login, Role};

/// The columns that are known.
pub const COLUMNS: [&str; 6] = ["login", "name", "phone", "firm", "role", "email"];

/// A line that does not fit, from 1, and why.
pub type BadLine = (u64, String);

/// A file's rows that can be read, each with its line, and the lines that cannot.
#[derive(Debug)]
pub struct Sheet {
    /// What can be read.
    pub rows: Vec<NewEmployee>,
    /// The line of each, from 1.
    pub lines: Vec<u64>,
    /// What cannot.
    pub bad: Vec<BadLine>,
}

impl Sheet {
    /// Reads a file; each line says its firm.
    ///
    /// # Errors
    /// Where its header does not fit.
    pub fn read(bytes: &[u8]) -> Result<Self, BadLine> {
        Self::read_for(bytes, None)
    }

    /// Reads a file. Where a firm is given, all are its people, and a column `firm` is not read.
    ///
    /// # Errors
    /// Where its header does not fit.
    pub fn read_for(bytes: &[u8], firm: Option<&FirmId>) -> Result<Self, BadLine> {
        Self::read_telling(bytes, firm, |_| {})
    }

    /// As [`Self::read_for`]; `progress` is told how many bytes are read, line by line.
    ///
    /// # Errors
    /// As there.
    pub fn read_telling(
        bytes: &[u8],
        firm: Option<&FirmId>,
        progress: impl Fn(usize),
    ) -> Result<Self, BadLine> {
        // Spreadsheets put a byte order mark in front.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .has_headers(true)
            .from_reader(bytes);
        let header = reader.byte_headers().map_err(|error| (1, error.to_string()))?;
        let columns = Columns::of(header, firm).map_err(|what| (1, what))?;
        let mut sheet = Self {
            rows: Vec::new(),
            lines: Vec::new(),
            bad: Vec::new(),
        };
        let mut seen: HashMap<String, u64> = HashMap::new();
        let mut lines = Lines::of(bytes);
        let mut record = ByteRecord::new();
        loop {
            let offset = reader.position().byte();
            progress(usize::try_from(offset).unwrap_or(usize::MAX));
            let line = lines.at(offset);
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
}

impl Sheet {
    /// What is said of rows, by index, said of their lines.
    pub fn by_line(&self, rows: Vec<(usize, String)>) -> Vec<BadLine> {
        let line = |index: usize| self.lines.get(index).copied().unwrap_or(0);
        rows.into_iter().map(|(index, why)| (line(index), why)).collect()
    }

    /// Moves rows, by index, to the lines that do not fit.
    pub fn refuse(&mut self, rows: Vec<(usize, String)>) {
        let mut refused: Vec<usize> = Vec::with_capacity(rows.len());
        for (index, why) in rows {
            self.bad.push((self.lines.get(index).copied().unwrap_or(0), why));
            refused.push(index);
        }
        refused.sort_unstable();
        let is_refused = |index: usize| refused.binary_search(&index).is_ok();
        let mut index = 0..;
        self.rows.retain(|_| !index.next().is_some_and(is_refused));
        let mut index = 0..;
        self.lines.retain(|_| !index.next().is_some_and(is_refused));
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
    /// Whose people all are, whatever the column says.
    firm: Option<FirmId>,
}

impl Columns {
    fn of(header: &ByteRecord, firm: Option<&FirmId>) -> Result<Self, String> {
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
            if place.is_none() && !(*column == "firm" && firm.is_some()) {
                return Err(format!(
                    "the column {column:?} is missing; the columns are {}",
                    COLUMNS.join(", ")
                ));
            }
        }
        Ok(Self {
            places,
            count: header.len(),
            firm: firm.cloned(),
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
            *field = unguarded(field);
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
        let firm = match &self.firm {
            Some(firm) => Some(firm.clone()),
            None => note(&mut faults, FirmId::parse(firm)),
        };
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

/// A cell that no spreadsheet runs: what begins like a formula gets an apostrophe in front, which an import
/// takes away again. A plain number in E.164 is none.
pub fn guarded(cell: &str) -> String {
    let number = cell
        .strip_prefix('+')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if formula && !number || cell.starts_with("'") {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// The cell that [`guarded`] was given.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if guarded(rest) == cell => rest,
        _ => cell,
    }
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

    #[test]
    fn no_cell_is_a_formula_and_each_comes_back_as_it_was() {
        for (cell, written) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1+1", "'+1+1"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("'=1", "''=1"),
            ("+14155550102", "+14155550102"),
            ("anna@corp-a.example", "anna@corp-a.example"),
            ("O'Neil", "O'Neil"),
            ("", ""),
        ] {
            assert_eq!(guarded(cell), written);
            assert_eq!(unguarded(written), cell);
        }
    }

    #[test]
    fn a_firm_that_is_given_is_everybodys_whatever_the_file_says() {
        let firm = FirmId::parse("acme").unwrap();
        for text in [
            "login,name,phone,role\nanna,Anna,,\n",
            "login,name,phone,role,firm\nanna,Anna,,,beta\n",
            "login,name,phone,role,firm\nanna,Anna,,,not a firm\n",
        ] {
            let sheet = Sheet::read_for(text.as_bytes(), Some(&firm)).unwrap();
            assert_eq!(sheet.rows[0].firm, firm, "{text}");
            assert!(sheet.bad.is_empty());
        }
        assert!(Sheet::read(b"login,name,phone,role\nanna,Anna,,\n").is_err());
    }
}
