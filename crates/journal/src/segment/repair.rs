//! Giving up the damaged end of a journal, when somebody says so: what is lost is said first, the bytes
//! are kept aside, and the history goes on under another identity.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directory::{self, SegmentFile};
use super::highwater::{Highwater, Noted};
use super::open::{OpenError, durable};
use super::scan::Scanner;
use super::walk::{Damage, Known, Placed, Tip, WalkError, walk};
use crate::disk::{Disk, DiskFile, DiskLock, RealDisk};
use crate::{Commit, JournalId, Lineage, Position};

/// A damaged journal, held so that nobody else opens it, and what repairing it would give up.
pub struct Repair {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    lineage: Lineage,
    segments: Vec<SegmentFile>,
    kept: Kept,
    /// What is wrong.
    pub damage: Damage,
    /// The last commit that is kept; [`Position::ORIGIN`] when none is.
    pub last_kept: Position,
    /// The last commit that certainly was there, as far as that is known.
    pub last_lost: Position,
    /// Bytes given up, but for zeros that were written ahead.
    pub bytes: u64,
    _lock: DiskLock,
}

/// The whole batches before the damage: up to an offset in the segment of this index, if in any.
#[derive(Clone, Copy)]
struct Kept {
    segment: Option<usize>,
    end: u64,
    tip: Tip,
}

impl Repair {
    /// Looks at a journal that is not open; `None` when nothing is wrong with it that opening it does
    /// not mend.
    pub fn of(dir: &Path) -> Result<Option<Repair>, OpenError> {
        Repair::on(RealDisk::shared(), dir)
    }

    /// Like [`Repair::of`], on a disk of the caller's.
    pub fn on(disk: Arc<dyn Disk>, dir: &Path) -> Result<Option<Repair>, OpenError> {
        let lock = directory::lock(&*disk, dir)?;
        super::erase::finish(&*disk, dir)?;
        let Some(lineage) = directory::read_identity(&*disk, dir)? else {
            return Err(OpenError::NoIdentity { dir: dir.to_owned() });
        };
        let segments = directory::segments(&*disk, dir)?;
        let origin = Tip { position: Position::ORIGIN, chain: lineage.origin() };
        let mut kept = Kept { segment: None, end: 0, tip: origin };
        let (damage, noted) = match durable(&*disk, dir, &segments) {
            Ok((_, durable)) => {
                let Some(damage) = look(&*disk, &segments, durable, &mut kept)? else {
                    return Ok(None);
                };
                (damage, durable)
            }
            Err(OpenError::Damaged { damage }) => (damage, None),
            Err(error) => return Err(error),
        };
        let mut repair = Repair {
            disk,
            dir: dir.to_owned(),
            lineage,
            segments,
            kept,
            damage,
            last_kept: kept.tip.position,
            last_lost: noted.map_or(Position::ORIGIN, |durable| durable.position),
            bytes: 0,
            _lock: lock,
        };
        let mut last = repair.last_lost.max(repair.last_kept);
        repair.bytes = repair.each_lost(&mut |commit| last = last.max(commit.position))?;
        repair.last_lost = last;
        Ok(Some(repair))
    }

    /// Shows the commits given up that can still be read, and returns how many bytes are given up.
    pub fn each_lost(&self, show: &mut dyn FnMut(Commit)) -> Result<u64, OpenError> {
        let mut bytes = 0;
        let first = self.kept.segment.unwrap_or(0);
        for (index, named) in self.segments.iter().enumerate().skip(first) {
            let start = if Some(index) == self.kept.segment { self.kept.end } else { 0 };
            let read = OpenError::storage("read", &named.path);
            let looked = self.disk.open(&named.path, false).and_then(|file| {
                let end = self.end_of_written(index, &*file, start)?;
                show_readable(&*file, start, end, self.kept.tip.position, show)?;
                Ok(end.saturating_sub(start))
            });
            bytes += looked.map_err(read)?;
        }
        Ok(bytes)
    }

    /// Where a segment ends, which the last one may do with zeros that were written ahead.
    fn end_of_written(&self, index: usize, file: &dyn DiskFile, start: u64) -> io::Result<u64> {
        let length = file.length()?;
        match index + 1 == self.segments.len() {
            true => Scanner::new(file, length).end_of_written(start),
            false => Ok(length),
        }
    }

    /// Gives the damaged end up. Its bytes are kept in files whose names are returned.
    pub fn accept_loss(self) -> Result<Vec<PathBuf>, OpenError> {
        let dir = self.dir.clone();
        self.cut().map_err(OpenError::storage("repair", &dir))
    }

    /// In this order a repair that is cut off leaves a journal that is still damaged, or a whole one.
    fn cut(self) -> io::Result<Vec<PathBuf>> {
        let Kept { segment, end, tip } = self.kept;
        let partly = segment.map(|index| (index, &self.segments[index]));
        let mut aside = Vec::new();
        if let Some((index, named)) = partly {
            let file = self.disk.open(&named.path, true)?;
            let bytes = self.end_of_written(index, &*file, end)? - end;
            let mut lost = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
            file.read_at(&mut lost, end)?;
            let name = format!("{:020}-{end}.lost", named.first.get());
            directory::replace(&*self.disk, &self.dir, &name, &lost)?;
            aside.push(self.dir.join(name));
        }
        let forked = self.lineage.forked(tip.position, JournalId::random());
        directory::replace(&*self.disk, &self.dir, directory::IDENTITY, &forked.encode())?;
        for named in self.segments.iter().skip(segment.map_or(0, |index| index + 1)).rev() {
            let name = named.path.with_extension("log.lost");
            self.disk.rename(&named.path, &name)?;
            self.disk.sync_dir(&self.dir)?;
            aside.push(name);
        }
        if let Some((_, named)) = partly {
            let file = self.disk.open(&named.path, true)?;
            file.truncate(end)?;
            file.sync_data()?;
        }
        Highwater::make(&*self.disk, &self.dir, Noted::Damaged, tip)?;
        Ok(aside)
    }
}

/// The first damage, if any, and the whole batches before it.
fn look(
    disk: &dyn Disk,
    segments: &[SegmentFile],
    durable: Option<Tip>,
    kept: &mut Kept,
) -> Result<Option<Damage>, OpenError> {
    for (index, named) in segments.iter().enumerate() {
        let known = Known { last: index + 1 == segments.len(), durable };
        let file =
            disk.open(&named.path, false).map_err(OpenError::storage("open", &named.path))?;
        if named.first == kept.tip.position.next() {
            (kept.segment, kept.end) = (Some(index), 0);
        }
        let start = kept.tip;
        let walked = walk(named, &*file, start, known, &mut |batch: Vec<Placed>| {
            if let Some(Placed { offset, bytes, commit, .. }) = batch.last() {
                kept.end = offset + bytes;
                kept.tip = Tip { position: commit.position, chain: commit.chain };
            }
            ControlFlow::Continue(())
        });
        match walked {
            Ok(_) => {}
            Err(WalkError::Damage(damage)) => return Ok(Some(damage)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Records with a true checksum, wherever they stand.
fn show_readable(
    file: &dyn DiskFile,
    start: u64,
    end: u64,
    after: Position,
    show: &mut dyn FnMut(Commit),
) -> io::Result<()> {
    let mut scanner = Scanner::new(file, end);
    let mut offset = start;
    while offset < end {
        match scanner.record(offset)? {
            Ok(record) if record.commit.position > after => {
                offset += record.bytes;
                show(record.commit);
            }
            _ => offset += 1,
        }
    }
    Ok(())
}
