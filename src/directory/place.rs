//! Where a directory is: a SQLite file or a PostgreSQL server, and how connections to it are set up.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection as _, Executor as _};

use super::DirectoryUnknown;
use super::unknown::ANSWER;

/// WAL lets reads go on beside a write; FULL makes a commit survive a power cut (I15).
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
     PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/// What the order of counters rests on (a statement sees all that was committed before it), and that a
/// gateway that stands still in the middle of a change does not hold up all others for ever.
const POSTGRES_SETTINGS: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET lock_timeout = '6s'; SET idle_in_transaction_session_timeout = '10s';";

/// Between two tries to set up a connection to a SQLite file that somebody else sets up too.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Where a directory is.
pub(super) struct Place {
    options: AnyConnectOptions,
    /// SQLite's file; `None` is PostgreSQL.
    file: Option<FileId>,
}

/// Which file was opened, whatever has its name now.
struct FileId {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(path: PathBuf) -> std::io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let found = std::fs::metadata(&path)?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            path,
        })
    }
}

impl Place {
    pub(super) fn parse(url: &str) -> Result<Self, DirectoryUnknown> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Self::sqlite(path.strip_prefix("//").unwrap_or(path));
        }
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(DirectoryUnknown(
                "the URL in [directory] must begin with sqlite:// or postgres://".into(),
            ));
        }
        Ok(Self {
            options: AnyConnectOptions::from_str(url)?,
            file: None,
        })
    }

    fn sqlite(path: &str) -> Result<Self, DirectoryUnknown> {
        let path = path.split('?').next().unwrap_or_default();
        if path.is_empty() || path.starts_with(':') {
            return Err(DirectoryUnknown(
                "the URL in [directory] names no file; write sqlite://PATH".into(),
            ));
        }
        let file = absolute(Path::new(path))?;
        make_owner_only(&file)?;
        // An absolute path, escaped: whatever its characters are, the driver finds this file.
        let escaped = url::Url::from_file_path(&file)
            .map_err(|()| DirectoryUnknown(format!("{} is no path for a URL", file.display())))?;
        let url = format!("sqlite://{}", escaped.path());
        Ok(Self {
            options: AnyConnectOptions::from_str(&url)?,
            file: Some(FileId::of(file).map_err(|error| DirectoryUnknown(error.to_string()))?),
        })
    }

    /// Connections to read over and to write over. SQLite has one writer at a time: one connection makes
    /// writers queue in order here, instead of by trying again and again in the database.
    pub(super) fn pools(&self) -> (AnyPool, AnyPool) {
        if self.file.is_some() {
            return (self.pool(4), self.pool(1));
        }
        let pool = self.pool(10);
        (pool.clone(), pool)
    }

    /// A pool of one connection, so that what is made on it (a temporary table) is there for what follows; and
    /// whether it leads to SQLite. Whoever asks closes it.
    pub(super) fn alone(&self) -> (AnyPool, bool) {
        (self.pool(1), self.file.is_some())
    }

    fn pool(&self, connections: u32) -> AnyPool {
        let sqlite = self.file.is_some();
        AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ANSWER)
            .after_connect(move |connection, _| Box::pin(settle(connection, sqlite)))
            .after_release(|connection, _| Box::pin(still_answers(connection)))
            .connect_lazy_with(self.options.clone())
    }

    /// Whether the file that is open still has its name. Where a backup was moved into its place, every open
    /// connection goes on with the old one, which nobody else sees.
    pub(super) fn is_in_place(&self) -> Result<(), DirectoryUnknown> {
        let Some(opened) = &self.file else {
            return Ok(());
        };
        let there = FileId::of(opened.path.clone());
        if there.is_ok_and(|there| (there.device, there.inode) == (opened.device, opened.inode)) {
            return Ok(());
        }
        Err(DirectoryUnknown(
            "its file was moved, removed or replaced; put it back, or restart doorstep".into(),
        ))
    }

    /// A connection outside the pools, which no load on them can delay.
    pub(super) async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection = AnyConnection::connect_with(&self.options).await?;
        settle(&mut connection, self.file.is_some()).await?;
        Ok(connection)
    }
}

/// Where two open a new SQLite file at once, the change to WAL is refused at once to one of them, whatever
/// `busy_timeout` says; callers bound how long this goes on.
async fn settle(connection: &mut AnyConnection, sqlite: bool) -> Result<(), sqlx::Error> {
    if !sqlite {
        connection.execute(sqlx::raw_sql(POSTGRES_SETTINGS)).await?;
        return Ok(());
    }
    loop {
        match connection.execute(sqlx::raw_sql(SQLITE_SETTINGS)).await {
            Err(error) if is_busy(&error) => tokio::time::sleep(BUSY_PAUSE).await,
            outcome => return outcome.map(|_| ()),
        }
    }
}

/// SQLITE_BUSY, and what it became when a log had to be recovered or a snapshot was too old
/// (sqlite.org/rescode.html: the lowest byte names the primary code).
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == 5)
}

/// A connection given back in the middle of something (a time-out) is kept only if it answers soon: one that
/// hangs would hold its place in the pool for ever.
async fn still_answers(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(ANSWER, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// `path` with its folder resolved.
fn absolute(path: &Path) -> Result<PathBuf, DirectoryUnknown> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let shown = folder.display();
    let name = path
        .file_name()
        .ok_or_else(|| DirectoryUnknown(format!("{} is no file", path.display())))?;
    let folder = folder.canonicalize().map_err(|error| {
        DirectoryUnknown(format!(
            "its folder {shown}: {error}. Make it with: mkdir -p {shown}"
        ))
    })?;
    Ok(folder.join(name))
}

/// Makes the file, readable by its owner only, where it is missing; SQLite gives -wal and -shm the same mode.
fn make_owner_only(file: &Path) -> Result<(), DirectoryUnknown> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(DirectoryUnknown(format!("{}: {error}", file.display()))),
    }
}
