//! I9: a disk that takes nothing more. Not by a trigger that says so, but by the operating system: a limit on what the
//! process may write (which is also what a read-only file system looks like), and, where the story may mount one, a
//! file system that is really full.

use std::path::PathBuf;
use std::process::Command;

use super::table::Place;
use crate::support::Portal;
use crate::support::portal::Knobs;

/// The gateway may write no file beyond so many bytes; `None`: as long as it likes.
fn may_write(place: &mut Place, bytes: Option<u64>) {
    let id = place.gateway.process().id().to_string();
    let soft = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let set = Command::new("prlimit")
        .args(["--pid", &id, &format!("--fsize={soft}:unlimited")])
        .output()
        .unwrap();
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_sqlite_that_can_write_nothing_lets_nobody_in() {
    let portal = Portal::open(Knobs::default()).await;
    let mut place = Place::run_under(portal, |_| {}, &["env", "--ignore-signal=XFSZ"]).await;
    let log = place.gateway.file("doorstep.db-wal");
    let now = std::fs::metadata(&log).map_or(0, |file| file.len());
    for (fault, bytes) in [("a disk that is read-only", 0), ("a disk with no more room", now)] {
        may_write(&mut place, Some(bytes));
        place.try_everything(fault).await;
        place.right_key_opens_nothing(fault).await;
        may_write(&mut place, None);
        place.goes_on(fault).await;
    }
}

/// A small file system of the story's own.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
            .arg(&at)
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(at))
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        for size in [4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_disk_that_is_really_full_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let Some(small) = Small::mount(folder.path().join("small")) else {
        eprintln!("nothing can be mounted here: the story of the disk that can write nothing has to do");
        return;
    };
    let portal = Portal::open(Knobs::default()).await;
    let url = format!("sqlite://{}", small.0.join("doorstep.db").display());
    let mut place = Place::new(portal, |settings| settings.directory = url).await;
    for fault in ["a full disk", "a full disk, again"] {
        small.fill();
        place.try_everything(fault).await;
        place.right_key_opens_nothing(fault).await;
        small.empty();
        place.goes_on(fault).await;
    }
    drop(place);
}
