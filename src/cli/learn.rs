//! `doorstep learn`: watches one wrong and one right login, and writes the `[portal]` section.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::context::Context;
use super::failure::Failure;
use super::screen::printable;
use crate::config::{Origin, parse_positive_duration};
use crate::edge::Recorder;
use crate::learn::{HarError, Learned, Progress, Recording, Tape, learn, progress, read_har};

/// How long nothing must come any more before the recording ends by itself.
const QUIET: Duration = Duration::from_millis(1500);
/// The longest HAR file that is read.
const LONGEST_FILE: u64 = 512 * 1024 * 1024;

/// What may be said.
#[derive(Args)]
#[command(after_help = "\
Examples:
  doorstep learn --portal http://127.0.0.1:8081
  doorstep learn --portal https://portal.internal --ca ca.pem --public-url https://portal.example.com
  doorstep learn --har recording.har --output portal.toml")]
pub(super) struct Learn {
    /// Where the portal is, such as http://127.0.0.1:8081. With --har: where doorstep will find it.
    #[arg(long, value_name = "URL", value_parser = origin, required_unless_present = "har")]
    portal: Option<Origin>,
    /// Reads a browser's HAR export instead of watching.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["port", "public_url", "ca", "stay", "within"])]
    har: Option<PathBuf>,
    /// The loopback port to listen on; default: a free one.
    #[arg(long)]
    port: Option<u16>,
    /// The address that people will use: the portal is told it, as the gateway will. Default: the printed one.
    #[arg(long, value_name = "URL", value_parser = origin)]
    public_url: Option<Origin>,
    /// For an https:// portal: the authority that signed its certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Goes on after the logout, to watch more ways to sign in; Enter or Ctrl-C ends it.
    #[arg(long)]
    stay: bool,
    /// Ends after so long at the latest, such as 10m, with what was seen until then.
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    within: Option<Duration>,
    /// Writes the section into this file, which must not be there yet.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// For clap: an address of a portal; a path after it is of no use here.
fn origin(text: &str) -> Result<Origin, String> {
    let bare =
        url::Url::parse(text).map_err(|error| format!("{error}; write it as http://127.0.0.1:8081"))?;
    match bare.origin() {
        url::Origin::Tuple(..) if bare.username().is_empty() && bare.password().is_none() => {
            Origin::parse(&bare.origin().ascii_serialization())
        }
        _ => Err("write it as http://127.0.0.1:8081, without credentials".into()),
    }
}

impl Learn {
    pub fn apply(self, context: &Context) -> Result<(), Failure> {
        if let Some(file) = self.output.as_deref().filter(|file| file.exists()) {
            return Err(taken(file));
        }
        if let Some(file) = &self.har {
            let recording = from_file(file, self.portal.as_ref(), context)?;
            return self.finish(&recording, context);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Failure::Refused(format!("no runtime: {error}")))?;
        let outcome = runtime.block_on(self.watch(context));
        runtime.shutdown_timeout(Duration::from_millis(200));
        let tape = outcome?;
        tape.look(|recording| self.finish(recording, context))
    }

    /// Records until all was seen, or until it is told to stop.
    async fn watch(&self, context: &Context) -> Result<std::sync::Arc<Tape>, Failure> {
        let Some(portal) = self.portal.clone() else {
            return Err(Failure::Usage(
                "name the portal: --portal http://127.0.0.1:8081".into(),
            ));
        };
        let (recorder, tape) = Recorder::open(
            self.port.unwrap_or(0),
            portal.clone(),
            self.public_url.clone(),
            self.ca.clone(),
        )
        .await?;
        let told = Told {
            json: context.screen.json,
        };
        told.begin(&recorder.address.to_string(), &portal, self.stay);
        let server = tokio::spawn(recorder.serve());
        let ended = self.until_told(&tape, &told).await;
        server.abort();
        ended.map(|()| tape)
    }

    async fn until_told(&self, tape: &Tape, told: &Told) -> Result<(), Failure> {
        let lost =
            |error: std::io::Error| Failure::Refused(format!("signals cannot be listened for: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(lost)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(lost)?;
        let mut entered = enter();
        let end = self.within.map(|within| Instant::now() + within);
        let mut seen = Progress::default();
        let watched = async {
            loop {
                tape.news.notified().await;
                let now = tape.look(progress);
                told.news(&seen, &now);
                seen = now;
                if seen.is_complete() && !self.stay {
                    quiet(tape).await;
                    return;
                }
            }
        };
        let limit = async {
            match end {
                Some(end) => {
                    let _ = timeout_at(end, std::future::pending::<()>()).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = watched => {}
            () = limit => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            Ok(()) = &mut entered => {}
        }
        Ok(())
    }

    /// Says what was learned.
    fn finish(&self, recording: &Recording, context: &Context) -> Result<(), Failure> {
        let learned = learn(recording, context.now()).map_err(|why| {
            let mut text = why.to_string();
            for remark in &recording.remarks {
                text.push_str("\nnote: ");
                text.push_str(remark);
            }
            Failure::Refused(text)
        })?;
        match &self.output {
            None if context.screen.json => context.screen.result("", || answer(&learned, None)),
            None => context.screen.say(&learned.section),
            Some(file) => {
                write_new(file, &learned.section)?;
                let sentence = format!(
                    "Wrote {}. Put it into the configuration in place of [portal], then run: doorstep check",
                    file.display()
                );
                context.screen.result(&sentence, || answer(&learned, Some(file)))
            }
        }?;
        if !context.screen.json {
            let count = learned.warnings.len();
            if count > 0 && self.output.is_some() {
                say(&format!(
                    "{count} warning{} in it: read the comments.",
                    if count == 1 { "" } else { "s" }
                ));
            }
        }
        Ok(())
    }
}

fn answer(learned: &Learned, file: Option<&Path>) -> Value {
    let mut answer = json!({
        "section": learned.section,
        "seen": learned.seen,
        "warnings": learned.warnings,
        "recipe": learned.recipe,
    });
    if let (Some(file), Some(members)) = (file, answer.as_object_mut()) {
        members.insert("file".into(), json!(file));
    }
    answer
}

fn taken(file: &Path) -> Failure {
    Failure::Refused(format!(
        "{} is already there and is never overwritten; name another file",
        file.display()
    ))
}

fn write_new(file: &Path, text: &str) -> Result<(), Failure> {
    let made = std::fs::File::options().write(true).create_new(true).open(file);
    let written = made.and_then(|mut made| made.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => taken(file),
        _ => Failure::Refused(format!("{} cannot be written: {error}", file.display())),
    })
}

fn from_file(file: &Path, portal: Option<&Origin>, context: &Context) -> Result<Recording, Failure> {
    let shown = file.display();
    let unread = |error: std::io::Error| Failure::Usage(format!("{shown} cannot be read: {error}"));
    let size = std::fs::metadata(file).map_err(unread)?.len();
    if size > LONGEST_FILE {
        return Err(Failure::Usage(format!(
            "{shown} is longer than {} MiB: record the logins alone",
            LONGEST_FILE >> 20
        )));
    }
    let bytes = zeroize::Zeroizing::new(std::fs::read(file).map_err(unread)?);
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let portal = portal.map(ToString::to_string);
    read_har(&bytes, portal.as_deref(), &name, context.now())
        .map_err(|error: HarError| Failure::Usage(format!("{shown}: {error}")))
}

/// Waits until nothing has come for a while; not for ever, since pages may ask without end.
async fn quiet(tape: &Tape) {
    let settled = async {
        loop {
            tokio::select! {
                () = tape.news.notified() => {}
                () = sleep(QUIET) => if !tape.is_busy() { return },
            }
        }
    };
    let _ = timeout(QUIET * 4, settled).await;
}

/// Fires when Enter is pressed; never where there is nobody to press it.
fn enter() -> oneshot::Receiver<()> {
    let (pressed, entered) = oneshot::channel();
    // The thread waits in a read that nothing ends; the process does not wait for it.
    std::thread::spawn(move || {
        let mut line = String::new();
        match std::io::stdin().lock().read_line(&mut line) {
            Ok(read) if read > 0 => {
                let _ = pressed.send(());
            }
            _ => loop {
                std::thread::park();
            },
        }
    });
    entered
}

/// A line on standard error. Nobody may be reading it.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", printable(line));
}

/// Who is told what is going on.
struct Told {
    json: bool,
}

impl Told {
    fn begin(&self, address: &str, portal: &Origin, stay: bool) {
        if self.json {
            say(&json!({"listening": format!("http://{address}"), "portal": portal.to_string()}).to_string());
            return;
        }
        let (on, off) = match std::io::stderr().is_terminal() && !super::screen::no_color() {
            true => ("\x1b[1m", "\x1b[0m"),
            false => ("", ""),
        };
        let end = match stay {
            true => "Then other ways to sign in, if there are any. Enter or Ctrl-C ends it.",
            false => {
                "It ends by itself after that; Enter or Ctrl-C ends it sooner, where there is no way to sign out."
            }
        };
        let text = format!(
            "Watching {portal}. Passwords are not kept.\n\n  Open {on}http://{address}/{off} in a fresh private window, and there\n\n  \
             1. ask for the page that people start with\n  2. sign in with a wrong password\n  3. sign in with the right one, \
             and open a page or two\n  4. sign out\n\n{end}\n\n"
        );
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn news(&self, before: &Progress, now: &Progress) {
        let fresh = |before: &[String], now: &[String]| -> Vec<String> {
            now.iter().skip(before.len()).cloned().collect()
        };
        let lines = [
            ("wrong", "refused", fresh(&before.wrong, &now.wrong)),
            ("right", "accepted", fresh(&before.right, &now.right)),
            (
                "logout",
                "signed out",
                if before.logout.is_none() {
                    now.logout.iter().cloned().collect()
                } else {
                    Vec::new()
                },
            ),
        ];
        for (key, word, told) in lines {
            for line in told {
                match self.json {
                    true => say(&json!({"seen": key, "exchange": line}).to_string()),
                    false => say(&format!("  seen  {word:<10}  {line}")),
                }
            }
        }
    }
}
