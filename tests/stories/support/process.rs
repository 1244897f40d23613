//! A server that a story starts, signals by its id, and never leaves behind.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// A loopback address that nobody listens on. Below the range from which outgoing connections draw, so
/// that none of them takes it before the server does.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 12_000 + (std::process::id() % 190) as u16 * 100;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 12_000 + (base - 12_000 + step) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        // Not by listening there: a child that another story is just starting would hold that socket for a moment
        // longer, and keep the server from it.
        if TcpStream::connect(address).is_err() {
            return address;
        }
    }
}

/// A child process whose output goes to a file.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; both of its outputs are appended to `log`. It gets SIGTERM when the story's thread
    /// is gone, so that a test run which is itself killed leaves nothing behind.
    pub fn start(name: &str, command: &Command, log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).unwrap();
        let child = bound_to_us(command)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name (`TERM`, `HUP`, `STOP`, `CONT`).
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.id().to_string()])
            .stderr(Stdio::null())
            .status();
        assert!(sent.is_ok(), "kill is not there");
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, and ends it after `grace`.
    pub fn stop(&mut self, grace: Duration) {
        if self.ended().is_some() {
            return;
        }
        self.signal("CONT");
        self.signal("TERM");
        if self.wait(grace).is_none() {
            self.kill();
        }
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// All it has written.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The last lines it has written, for a failure's message.
    pub fn tail(&self) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        let from = lines.len().saturating_sub(40);
        format!("--- {}:\n{}", self.name, lines[from..].join("\n"))
    }
}

/// The same command by way of setpriv. (Taking up another user clears the signal: what setpriv does
/// already gets it as an option.)
fn bound_to_us(command: &Command) -> Command {
    let mut bound = Command::new("setpriv");
    bound.args(["--pdeathsig", "TERM"]);
    if command.get_program() != "setpriv" {
        bound.arg(command.get_program());
    }
    bound.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        bound.current_dir(folder);
    }
    bound
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop(Duration::from_secs(4));
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
    }
}
