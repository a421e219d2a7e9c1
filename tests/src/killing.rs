//! A disk that kills the process on it, with SIGKILL, in the middle of a phase: so that a kill planned for
//! a phase falls into it, and not beside it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use hansa_journal::disk::{Disk, DiskFile, DiskLock, RealDisk};

/// What a process is doing with its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Opening it.
    Opening,
    /// Reading it back for the view.
    Replaying,
    /// Writing a batch, half of which is written.
    Appending,
    /// Having written a batch that is not synced.
    Syncing,
    /// Beginning a segment.
    Rolling,
    /// Erasing a commit.
    Erasing,
}

const PHASES: [(&str, Phase); 6] = [
    ("opening", Phase::Opening),
    ("replaying", Phase::Replaying),
    ("appending", Phase::Appending),
    ("syncing", Phase::Syncing),
    ("rolling", Phase::Rolling),
    ("erasing", Phase::Erasing),
];

/// When the process is to die: at this operation of this phase, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// The phase.
    pub phase: Phase,
    /// The operation.
    pub operation: u32,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = PHASES.iter().find(|(_, phase)| *phase == self.phase);
        write!(f, "{}:{}", name.expect("all phases have names").0, self.operation)
    }
}

impl FromStr for Death {
    type Err = String;

    fn from_str(text: &str) -> Result<Death, String> {
        let (phase, operation) = text.split_once(':').ok_or("a phase and a number")?;
        let phase = PHASES.iter().find(|(name, _)| *name == phase).ok_or("no such phase")?.1;
        Ok(Death { phase, operation: operation.parse().map_err(|_| "no number")? })
    }
}

/// The disk of this machine, but for the death.
#[derive(Clone, Debug)]
pub struct KillingDisk(Arc<Plan>);

#[derive(Debug)]
struct Plan {
    death: Death,
    counted: AtomicU32,
    opened: AtomicBool,
    rolling: AtomicBool,
}

impl KillingDisk {
    /// A disk on which the process dies like this.
    pub fn new(death: Death) -> Arc<KillingDisk> {
        let (counted, opened) = (AtomicU32::new(0), AtomicBool::new(false));
        let plan = Plan { death, counted, opened, rolling: AtomicBool::new(false) };
        Arc::new(KillingDisk(Arc::new(plan)))
    }
}

impl Plan {
    /// Dies here, if this is the operation.
    fn pass(&self, phase: Phase) {
        self.pass_after(phase, || {});
    }

    fn pass_after(&self, phase: Phase, last_deed: impl FnOnce()) {
        if phase != self.death.phase {
            return;
        }
        if self.counted.fetch_add(1, Ordering::SeqCst) + 1 == self.death.operation {
            last_deed();
            die();
        }
    }

    fn is_open(&self) -> bool {
        self.opened.load(Ordering::SeqCst)
    }

    /// What a change of this file belongs to.
    fn phase_of(&self, path: &Path) -> Phase {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match self.is_open() {
            false => Phase::Opening,
            true if name.starts_with("erasing") => Phase::Erasing,
            true => Phase::Rolling,
        }
    }
}

/// SIGKILL, from outside like any other.
fn die() -> ! {
    let own = std::process::id().to_string();
    let killed = Command::new("kill").args(["-9", &own]).status();
    panic!("this process outlived its death: {killed:?}");
}

impl Disk for KillingDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let phase = self.0.phase_of(path);
        self.0.pass(phase);
        let file = RealDisk.create(path)?;
        self.0.rolling.store(phase == Phase::Rolling, Ordering::SeqCst);
        Ok(self.wrapped(path, file))
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = RealDisk.open(path, write)?;
        Ok(self.wrapped(path, file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.pass(self.0.phase_of(to));
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.pass(self.0.phase_of(path));
        RealDisk.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(dir)
    }

    fn is_dir(&self, dir: &Path) -> bool {
        RealDisk.is_dir(dir)
    }

    fn make_dirs(&self, dir: &Path) -> io::Result<()> {
        RealDisk.make_dirs(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.0.is_open() && self.0.rolling.load(Ordering::SeqCst) {
            self.0.pass(Phase::Rolling);
        }
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        RealDisk.lock(path)
    }
}

impl KillingDisk {
    fn wrapped(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let is = |extension: &str| path.extension().is_some_and(|it| it == extension);
        let kind = match path.file_name().and_then(|name| name.to_str()) {
            Some("highwater") => Kind::Highwater,
            Some(name) if name.starts_with("erasing") => Kind::Erasing,
            _ if is("log") => Kind::Segment,
            _ => Kind::Other,
        };
        Arc::new(KillingFile { file, kind, plan: Arc::clone(&self.0) })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Segment,
    Highwater,
    Erasing,
    Other,
}

#[derive(Debug)]
struct KillingFile {
    file: Arc<dyn DiskFile>,
    kind: Kind,
    plan: Arc<Plan>,
}

impl KillingFile {
    /// Half of what is written, zeros behind it apart.
    fn half(&self, bytes: &[u8], offset: u64) {
        let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        // The process dies right after; whether this was written makes no difference to it.
        let _ = self.file.write_at(&bytes[..length / 2], offset);
    }

    /// Whether a record stands there, and not only zeros that were written ahead of records.
    fn holds_a_record(&self, offset: u64) -> io::Result<bool> {
        let mut first = [0];
        match offset < self.file.length()? {
            true => self.file.read_at(&mut first, offset).map(|()| first != [0]),
            false => Ok(false),
        }
    }
}

impl DiskFile for KillingFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if self.plan.is_open() && self.kind == Kind::Segment {
            self.plan.pass(Phase::Replaying);
        }
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let plan = &self.plan;
        let phase = match (plan.is_open(), self.kind) {
            (false, _) => Phase::Opening,
            (true, Kind::Erasing) => Phase::Erasing,
            // Over what is there: a commit being erased.
            (true, Kind::Segment) if self.holds_a_record(offset)? => Phase::Erasing,
            (true, Kind::Segment) if plan.rolling.swap(false, Ordering::SeqCst) => Phase::Rolling,
            (true, Kind::Segment) => Phase::Appending,
            (true, Kind::Highwater | Kind::Other) => return self.file.write_at(bytes, offset),
        };
        plan.pass_after(phase, || self.half(bytes, offset));
        self.file.write_at(bytes, offset)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        match (self.plan.is_open(), self.kind) {
            (false, Kind::Highwater) => {
                self.plan.pass(Phase::Opening);
                self.file.sync_data()?;
                // The last that opening does.
                self.plan.opened.store(true, Ordering::SeqCst);
                return Ok(());
            }
            (false, _) => self.plan.pass(Phase::Opening),
            (true, Kind::Segment) => self.plan.pass(Phase::Syncing),
            (true, Kind::Erasing) => self.plan.pass(Phase::Erasing),
            (true, Kind::Highwater | Kind::Other) => {}
        }
        self.file.sync_data()
    }
}
