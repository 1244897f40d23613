//! What is printed: aligned tables on a terminal, tab-separated when piped, JSON where asked for.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use serde_json::Value;

use super::failure::Failure;

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    /// JSON was asked for.
    pub json: bool,
    terminal: bool,
    colour: bool,
}

impl Screen {
    pub fn new(json: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self {
            json,
            terminal,
            colour: terminal && !no_color(),
        }
    }

    /// Prints text as it is, with a newline.
    pub fn say(self, text: &str) -> Result<(), Failure> {
        let mut text = text.to_owned();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::OutputClosed),
            Err(error) => Err(Failure::Refused(format!("the output cannot be written: {error}"))),
        }
    }

    /// A result: a sentence, or JSON.
    pub fn result(self, sentence: &str, json: impl FnOnce() -> Value) -> Result<(), Failure> {
        if self.json {
            self.print_json(&json())
        } else {
            self.say(&printable(sentence))
        }
    }

    /// A listing: a table, or a JSON array.
    pub fn listing(
        self,
        heads: &[&str],
        rows: &[Vec<String>],
        json: impl FnOnce() -> Value,
    ) -> Result<(), Failure> {
        if self.json {
            return self.print_json(&json());
        }
        let text = if self.terminal {
            aligned(heads, rows, self.colour)
        } else {
            tabbed(rows)
        };
        if text.is_empty() { Ok(()) } else { self.say(&text) }
    }

    /// One thing: `key  value` lines, or a JSON object.
    pub fn facts(self, facts: &[(&str, String)], json: impl FnOnce() -> Value) -> Result<(), Failure> {
        if self.json {
            return self.print_json(&json());
        }
        let lines: Vec<String> = facts
            .iter()
            .map(|(key, value)| format!("{key}  {}", cell(value)))
            .collect();
        self.say(&lines.join("\n"))
    }

    fn print_json(self, value: &Value) -> Result<(), Failure> {
        self.say(&format!("{value:#}"))
    }
}

/// Whether colour is unwanted (no-color.org).
pub(super) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Without control characters: a name must not move the cursor.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect()
}

fn cell(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn tabbed(rows: &[Vec<String>]) -> String {
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.iter().map(|text| cell(text)).collect::<Vec<_>>().join("\t"))
        .collect();
    lines.join("\n")
}

fn aligned(heads: &[&str], rows: &[Vec<String>], colour: bool) -> String {
    let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let line = |texts: Vec<String>| {
        let padded: Vec<String> = texts
            .iter()
            .zip(&widths)
            .map(|(text, width)| format!("{text:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let head = line(heads.iter().map(|head| (*head).to_owned()).collect());
    let mut lines = vec![if colour {
        format!("\x1b[1m{head}\x1b[0m")
    } else {
        head
    }];
    lines.extend(
        rows.iter()
            .map(|row| line(row.iter().map(|text| cell(text)).collect())),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        vec![
            vec!["corp-a".into(), "on".into()],
            vec!["ß".into(), "off\t\x1b[31m".into()],
        ]
    }

    #[test]
    fn a_terminal_gets_an_aligned_table() {
        assert_eq!(
            aligned(&["id", "two_factor"], &rows(), false),
            "id      two_factor\ncorp-a  on\nß       off  [31m"
        );
        assert!(aligned(&["id"], &[], true).starts_with("\x1b[1m"));
    }

    #[test]
    fn a_pipe_gets_tabs_and_no_control_characters() {
        assert_eq!(tabbed(&rows()), "corp-a\ton\nß\toff  [31m");
    }
}
