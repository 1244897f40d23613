//! Where the tests' directories are: SQLite files, and databases of one PostgreSQL that this process starts.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::super::{Actor, Directory, NewEmployee, Phone};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login, Role};
use crate::secret::{KeyRing, random_id};

/// A moment to begin with.
pub const T0: Timestamp = Timestamp(1_790_000_000_000);

const BIN: &str = "/usr/lib/postgresql/15/bin";

/// A directory's place; its folder goes with it.
pub struct Place {
    pub url: String,
    pub keys: Arc<KeyRing>,
    pub folder: PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    /// A SQLite file that is not there yet.
    pub fn sqlite() -> Self {
        let folder = std::env::temp_dir().join(format!("doorstep-directory-{}", random_id()));
        std::fs::create_dir(&folder).unwrap();
        Self {
            url: format!("sqlite://{}/doorstep.db", folder.display()),
            keys: Arc::new(KeyRing::ephemeral()),
            folder,
        }
    }

    /// An empty database; `None` where PostgreSQL is not installed.
    pub async fn postgres() -> Option<Self> {
        let Some(server) = server() else {
            eprintln!("skipped on PostgreSQL: {BIN}/initdb is not installed");
            return None;
        };
        let name = format!("t{}", random_id());
        server.sql(&format!("CREATE DATABASE {name}"));
        Some(Self {
            url: format!("postgres://doorstep@127.0.0.1:{}/{name}", server.port),
            keys: Arc::new(KeyRing::ephemeral()),
            folder: PathBuf::from("/nonexistent"),
        })
    }

    /// A handle of its own on this directory, as another gateway has it.
    pub async fn open(&self) -> Directory {
        Directory::open(&self.url, Arc::clone(&self.keys)).await.unwrap()
    }

    /// Statements past the directory's own code.
    pub async fn meddle(&self, sql: &'static str) {
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&self.url).await.unwrap();
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// A firm, added.
    pub async fn firm(&self, directory: &Directory, id: &str) -> FirmId {
        let id = FirmId::parse(id).unwrap();
        directory.add_firm(&actor(), &id, "Corp", T0).await.unwrap();
        id
    }
}

/// The places that each test runs on.
pub async fn both() -> Vec<Place> {
    let mut places = vec![Place::sqlite()];
    places.extend(Place::postgres().await);
    places
}

pub fn actor() -> Actor {
    Actor {
        name: "ops".into(),
        from: "command".into(),
    }
}

pub fn login(text: &str) -> Login {
    Login::parse(text).unwrap()
}

pub fn phone() -> Phone {
    Phone::parse("+14155552671", None).unwrap()
}

pub fn new_employee(name: &str, firm: &str) -> NewEmployee {
    NewEmployee {
        login: login(name),
        firm: FirmId::parse(firm).unwrap(),
        name: format!("{name} Example"),
        phone: Some(phone()),
        email: None,
        role: Role::Tech,
    }
}

/// A PostgreSQL that ends with this process: its shell waits for the end of our pipe.
struct Server {
    port: u16,
    folder: PathBuf,
    _child: Child,
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(Server::start).as_ref()
}

impl Server {
    fn start() -> Option<Self> {
        if !Path::new(BIN).join("initdb").exists() {
            return None;
        }
        let folder = std::env::temp_dir().join(format!("doorstep-postgres-{}", random_id()));
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let script = format!(
            "set -e; mkdir -m 700 {dir}; {BIN}/initdb -D {dir}/data -U doorstep -A trust -E UTF8 --no-sync >/dev/null; \
             {BIN}/postgres -D {dir}/data -p {port} -h 127.0.0.1 -k {dir} -c fsync=off -c max_connections=300 \
             >{dir}/log 2>&1 & server=$!; cat >/dev/null || true; kill -QUIT $server; wait $server || true; rm -rf {dir}",
            dir = folder.display(),
        );
        let mut command = if am_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh", "-c", &script]);
            command
        } else {
            let mut command = Command::new("sh");
            command.args(["-c", &script]);
            command
        };
        let child = command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            port,
            folder,
            _child: child,
        };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        let begun = Instant::now();
        while !self.answers() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "PostgreSQL does not start"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn answers(&self) -> bool {
        self.psql("SELECT 1").is_ok_and(|status| status)
    }

    fn sql(&self, sql: &str) {
        assert!(
            self.psql(sql).unwrap(),
            "{sql} (log in {})",
            self.folder.display()
        );
    }

    fn psql(&self, sql: &str) -> std::io::Result<bool> {
        let mut child = Command::new(Path::new(BIN).join("psql"))
            .args(["-h", "127.0.0.1", "-U", "doorstep", "-d", "postgres", "-q", "-p"])
            .arg(self.port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(sql.as_bytes())?;
        }
        Ok(child.wait()?.success())
    }
}

fn am_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
