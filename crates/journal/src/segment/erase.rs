//! Overwriting what must go where it stands, so that whatever is cut off in the middle can be ended.
//!
//! ```text
//!  1  journal/erasing     what the records will be, written as a whole and durable
//!  2  the segments        each record overwritten by it, at its place and with its length, and synced
//!  3  journal/erasing     removed
//! ```
//!
//! Cut off before 1 was done, nothing has happened. After it, a record may be torn: whoever opens the
//! journal next writes all of them again before reading anything, and who only looks at the journal reads
//! the records that stand in `erasing` instead. That file holds nothing of what is erased.
//!
//! | bytes of `erasing` | holds |
//! | --- | --- |
//! | 0 | format version |
//! | 1..4 | zero |
//! | 4..8 | CRC-32C of everything else |
//! | then, for each record: 8, 8, 4 | first position of its segment, its offset, its length |
//! | | the record |

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::directory::{self, SegmentFile};
use super::open::OpenError;
use super::state::{Found, State};
use super::walk::{WalkError, damage};
use super::{Appender, SegmentJournal, record};
use crate::disk::{Disk, DiskFile};
use crate::{EraseError, Erasure, Position, ReadError};

const NAME: &str = "erasing";
const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 8;

/// A record as it will be.
struct Image {
    segment: SegmentFile,
    offset: u64,
    record: Vec<u8>,
}

/// The records that are being overwritten; none most of the time.
pub(super) struct UnderWay(Vec<Image>);

impl SegmentJournal {
    /// Erases, and returns once nothing of it can come back.
    pub(super) fn erase_all(&self, erasures: &[Erasure]) -> Result<(), EraseError> {
        let mut appender = self.appender.lock();
        if let Some(failed) = &appender.failed {
            return Err(EraseError::Storage(io::Error::other(failed.clone())));
        }
        let state = &self.state;
        let images = erasures.iter().map(|erasure| image(&state.read(), erasure));
        let images: Vec<Image> = images.collect::<Result<_, _>>()?;
        if images.is_empty() {
            return Ok(());
        }
        let disk = &*self.disk;
        directory::replace(disk, &self.dir, NAME, &encode(&images))
            .map_err(|error| appender.lost_erasing("noting what is erased", error))?;
        {
            // Nobody reads a record while it is neither the old nor the new one.
            let _nobody_reads = self.rewriting.write();
            overwrite(disk, &images)
                .map_err(|error| appender.lost_erasing("overwriting what is erased", error))?;
        }
        forget(disk, &self.dir)
            .map_err(|error| appender.lost_erasing("ending what was erased", error))
    }
}

impl Appender {
    /// J6: an erasure under way is ended by whoever opens the journal next.
    fn lost_erasing(&mut self, doing: &str, error: io::Error) -> EraseError {
        self.failed = Some(format!("{doing} failed before: {error}"));
        EraseError::Storage(error)
    }
}

/// Ends what was cut off. Called with the lock of the directory, before anything is read.
pub(super) fn finish(disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
    let UnderWay(images) = under_way(disk, dir)?;
    if images.is_empty() {
        return Ok(());
    }
    tracing::warn!(records = images.len(), "an erasure was cut off; it is ended now");
    for image in &images {
        check_fits(disk, image)?;
    }
    overwrite(disk, &images).map_err(OpenError::storage("end an erasure in", dir))?;
    forget(disk, dir).map_err(OpenError::storage("end an erasure in", dir))
}

/// What is being erased, or was cut off.
pub(super) fn under_way(disk: &dyn Disk, dir: &Path) -> Result<UnderWay, OpenError> {
    let path = dir.join(NAME);
    let bytes = match disk.read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(UnderWay(Vec::new())),
        Err(error) => return Err(OpenError::storage("read", &path)(error)),
    };
    let images = decode(dir, &bytes).ok_or_else(|| {
        let what = "what was to be erased is not what was written";
        OpenError::from(WalkError::from(damage(&path, 0, Position::ORIGIN, what)))
    })?;
    Ok(UnderWay(images))
}

/// A record under way stands within its segment.
fn check_fits(disk: &dyn Disk, image: &Image) -> Result<(), OpenError> {
    let path = &image.segment.path;
    let file = disk.open(path, false).map_err(OpenError::storage("open", path))?;
    let length = file.length().map_err(OpenError::storage("read", path))?;
    if image.offset.saturating_add(image.record.len() as u64) <= length {
        return Ok(());
    }
    let what = "the segment ends before a record that was being erased";
    Err(WalkError::from(damage(path, image.offset, image.segment.first, what)).into())
}

/// Each record at its place; durable when this returns.
fn overwrite(disk: &dyn Disk, images: &[Image]) -> io::Result<()> {
    let mut written: Vec<(Position, Arc<dyn DiskFile>)> = Vec::new();
    for image in images {
        let known = written.iter().find(|(first, _)| *first == image.segment.first);
        let file = match known {
            Some((_, file)) => Arc::clone(file),
            None => {
                let file = disk.open(&image.segment.path, true)?;
                written.push((image.segment.first, Arc::clone(&file)));
                file
            }
        };
        file.write_at(&image.record, image.offset)?;
    }
    written.iter().try_for_each(|(_, file)| file.sync_data())
}

fn forget(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    disk.remove(&dir.join(NAME))?;
    disk.sync_dir(dir)
}

fn image(state: &State, erasure: &Erasure) -> Result<Image, EraseError> {
    let position = erasure.position;
    let missing = EraseError::Missing { position };
    if position == Position::ORIGIN || position > state.tip.position {
        return Err(missing);
    }
    let before = Position::new(position.get() - 1);
    let found = state.stretch(before).map(|stretch| stretch.find(position)).transpose();
    let found: Option<Found> = found.map_err(EraseError::Unreadable)?.flatten();
    let Some(Found { segment, offset, record }) = found else { return Err(missing) };
    let record = record::erased(&record, erasure).map_err(|room| EraseError::NoRoom {
        position,
        bytes: erasure.size(),
        room,
    })?;
    Ok(Image { segment, offset, record })
}

fn encode(images: &[Image]) -> Vec<u8> {
    let mut bytes = vec![FORMAT, 0, 0, 0, 0, 0, 0, 0];
    for image in images {
        bytes.extend_from_slice(&image.segment.first.get().to_be_bytes());
        bytes.extend_from_slice(&image.offset.to_be_bytes());
        let length = u32::try_from(image.record.len()).expect("a record has about COMMIT_BYTES");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&image.record);
    }
    let checksum = checksum(&bytes);
    bytes[4..HEADER_BYTES].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn decode(dir: &Path, bytes: &[u8]) -> Option<Vec<Image>> {
    let header = bytes.get(..HEADER_BYTES)?;
    let true_checksum = checksum(bytes).to_be_bytes() == header[4..];
    if header[..4] != [FORMAT, 0, 0, 0] || !true_checksum {
        return None;
    }
    let (mut images, mut rest) = (Vec::new(), &bytes[HEADER_BYTES..]);
    while !rest.is_empty() {
        let (first, after) = rest.split_first_chunk()?;
        let (offset, after) = after.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let (record, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        images.push(Image {
            segment: SegmentFile::named(dir, Position::new(u64::from_be_bytes(*first))),
            offset: u64::from_be_bytes(*offset),
            record: record.to_vec(),
        });
        rest = after;
    }
    Some(images)
}

fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..4]), &bytes[HEADER_BYTES..])
}

impl UnderWay {
    /// A segment as it will be once nothing is under way.
    pub(super) fn over(&self, segment: &SegmentFile, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let here = self.0.iter().filter(|image| image.segment.first == segment.first);
        let images: Vec<(u64, Vec<u8>)> =
            here.map(|image| (image.offset, image.record.clone())).collect();
        match images.is_empty() {
            true => file,
            false => Arc::new(Overlaid { file, images }),
        }
    }
}

/// A file with other bytes in some places. Only to be read.
struct Overlaid {
    file: Arc<dyn DiskFile>,
    images: Vec<(u64, Vec<u8>)>,
}

impl fmt::Debug for Overlaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlaid").field("file", &self.file).finish_non_exhaustive()
    }
}

impl DiskFile for Overlaid {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(buffer, offset)?;
        let end = offset + buffer.len() as u64;
        for (start, image) in &self.images {
            let (from, to) = ((*start).max(offset), (start + image.len() as u64).min(end));
            if from < to {
                let place = distance(offset, from)..distance(offset, to);
                let part = distance(*start, from)..distance(*start, to);
                buffer[place].copy_from_slice(&image[part]);
            }
        }
        Ok(())
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn distance(from: u64, to: u64) -> usize {
    usize::try_from(to - from).expect("both lie within a buffer")
}

/// Reads while nothing is being overwritten.
pub(super) async fn undisturbed<R: Send + 'static>(
    rewriting: &Arc<parking_lot::RwLock<()>>,
    read: impl FnOnce() -> Result<R, ReadError> + Send + 'static,
) -> Result<R, ReadError> {
    let rewriting = Arc::clone(rewriting);
    tokio::task::spawn_blocking(move || {
        let _nothing_is_rewritten = rewriting.read();
        read()
    })
    .await
    .map_err(|error| ReadError::Storage(io::Error::other(error)))?
}
