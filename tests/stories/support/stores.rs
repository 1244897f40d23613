//! Real servers for what a gateway keeps outside itself.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::process::{Process, free_address};
use super::{PATIENCE, until};

/// Which session store a story runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// In the gateway's process.
    Memory,
    /// A `redis-server` of the story's own.
    Redis,
}

/// A `redis-server` that keeps nothing on disk.
pub struct Redis {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
    folder: TempDir,
}

impl Redis {
    /// Starts one and waits for its PONG.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let process = Self::spawn(address, folder.path());
        let redis = Self {
            address,
            process,
            folder,
        };
        redis.ready().await;
        redis
    }

    fn spawn(address: SocketAddr, folder: &Path) -> Process {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &address.port().to_string()])
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(folder);
        Process::start("redis-server", &command, &folder.join("redis.log"))
    }

    async fn ready(&self) {
        until("redis answers PING", PATIENCE, || async {
            let answer = self.try_command(&["PING"]).await?;
            answer.starts_with(b"+PONG").then_some(())
        })
        .await;
    }

    /// What goes into the configuration.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// It hangs, as behind a partition.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// It dies, and all it kept.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// A new, empty one at the same address.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = Self::spawn(self.address, self.folder.path());
        self.ready().await;
    }

    /// Sends a command; the raw answer.
    pub async fn command(&self, words: &[&str]) -> Vec<u8> {
        self.try_command(words).await.expect("redis answers")
    }

    async fn try_command(&self, words: &[&str]) -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        let mut bytes = format!("*{}\r\n", words.len());
        for word in words {
            bytes += &format!("${}\r\n{word}\r\n", word.len());
        }
        // QUIT makes the server close, so that the answer has an end
        bytes += "*1\r\n$4\r\nQUIT\r\n";
        stream.write_all(bytes.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(Duration::from_secs(5), read)
            .await
            .ok()?
            .ok()?;
        Some(answer)
    }

    /// Everything in it: every key, and every value through DUMP, as an intruder would carry it off.
    /// (Values that Redis packs are read by type as well, since DUMP compresses.)
    pub async fn carried_off(&self) -> Vec<u8> {
        let keys = self.command(&["KEYS", "*"]).await;
        let text = String::from_utf8_lossy(&keys).into_owned();
        let mut all = keys.clone();
        let names = text
            .split("\r\n")
            .filter(|line| !line.starts_with(['*', '$', '+']) && !line.is_empty());
        for key in names {
            for reader in [
                &["GET", key][..],
                &["HGETALL", key],
                &["SMEMBERS", key],
                &["ZRANGE", key, "0", "-1", "WITHSCORES"],
                &["LRANGE", key, "0", "-1"],
            ] {
                all.extend(self.command(reader).await);
            }
        }
        all
    }
}

/// A PostgreSQL cluster of the story's own.
pub struct Postgres {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Postgres {
    /// Makes a cluster, starts it, and waits until it takes connections.
    pub async fn start() -> Self {
        let bin = Self::programs();
        let folder = tempfile::Builder::new()
            .prefix("doorstep-pg")
            .tempdir_in("/tmp")
            .unwrap();
        let data = folder.path().join("data");
        let as_root = Self::owned_by_postgres(folder.path());
        let run = |program: &str| {
            let mut command = Command::new(if as_root { "setpriv" } else { "env" });
            if as_root {
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            }
            command.arg(format!("{bin}/{program}")).current_dir("/tmp");
            command
        };
        let made = run("initdb")
            .args([
                "-A",
                "trust",
                "-U",
                "doorstep",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let address = free_address();
        let mut command = run("postgres");
        command.arg("-D").arg(&data).args([
            "-p",
            &address.port().to_string(),
            "-h",
            "127.0.0.1",
            "-c",
            "unix_socket_directories=",
        ]);
        let log = folder.path().join("postgres.log");
        let process = Process::start("postgres", &command, &log);
        let postgres = Self {
            address,
            process,
            _folder: folder,
        };
        until("postgres takes connections", PATIENCE, || async {
            let asked = Command::new(format!("{bin}/pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &address.port().to_string()])
                .status();
            asked.is_ok_and(|status| status.success()).then_some(())
        })
        .await;
        postgres
    }

    /// What goes into the configuration.
    pub fn url(&self) -> String {
        format!("postgres://doorstep@{}/postgres", self.address)
    }

    /// Runs SQL in it, past the gateway.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.tool("psql", &["-d", "postgres", "-tA", "-c", sql])
    }

    /// The same as the gateway would be told: without the means of the story.
    #[track_caller]
    pub fn query_as_told(&self, sql: &str) -> String {
        self.tool_with("psql", &["-d", "postgres", "-tA", "-c", sql], "")
    }

    /// All that is in it, as a backup would have it.
    pub fn dump(&self) -> String {
        self.tool("pg_dump", &["-d", "postgres"])
    }

    #[track_caller]
    fn tool(&self, name: &str, words: &[&str]) -> String {
        // what a story makes read-only for the gateway, it can still mend
        self.tool_with(name, words, "-c default_transaction_read_only=off")
    }

    #[track_caller]
    fn tool_with(&self, name: &str, words: &[&str], options: &str) -> String {
        let port = self.address.port().to_string();
        let output = Command::new(format!("{}/{name}", Self::programs()))
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "doorstep"])
            .env("PGOPTIONS", options)
            .args(words)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// It hangs, as behind a partition: the postmaster and what it has forked.
    pub fn freeze(&self) {
        self.signal_all("STOP");
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.signal_all("CONT");
    }

    fn signal_all(&self, signal: &str) {
        self.process.signal(signal);
        let _ = Command::new("pkill")
            .args([&format!("-{signal}"), "-P", &self.process.id().to_string()])
            .status();
    }

    /// Where Debian keeps the newest programs.
    fn programs() -> String {
        let mut found: Vec<String> = std::fs::read_dir("/usr/lib/postgresql")
            .expect("postgresql is installed: tests/run does it")
            .filter_map(|entry| Some(entry.ok()?.path().join("bin").to_str()?.to_owned()))
            .collect();
        found.sort();
        found.pop().expect("postgresql is installed: tests/run does it")
    }

    /// initdb refuses root: then the folder goes to the package's own user.
    fn owned_by_postgres(folder: &Path) -> bool {
        let id = Command::new("id").arg("-u").output().unwrap();
        if id.stdout.trim_ascii() != b"0" {
            return false;
        }
        let given = Command::new("chown")
            .arg("postgres")
            .arg(folder)
            .status()
            .unwrap();
        assert!(given.success(), "chown postgres failed");
        true
    }
}
