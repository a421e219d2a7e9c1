//! Tests of the simulated disk: it must lose what a real one may lose, and keep what a real one keeps.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;

const ROOT: &str = "/disk";

fn file_of(length: usize, byte: u8) -> (SimulatedDisk, Arc<dyn DiskFile>) {
    let disk = SimulatedDisk::new(Path::new(ROOT));
    let file = disk.create(Path::new("/disk/a")).unwrap();
    disk.sync_dir(Path::new(ROOT)).unwrap();
    file.write_at(&vec![byte; length], 0).unwrap();
    (disk, file)
}

fn found(disk: &SimulatedDisk, cut: Cut) -> io::Result<Vec<u8>> {
    disk.after_cut(disk.operations().len(), cut).read(Path::new("/disk/a"))
}

#[test]
fn only_what_was_synced_is_sure_to_stay() {
    let (disk, file) = file_of(600, 1);
    assert_eq!(found(&disk, Cut::Lost).unwrap(), []);
    assert_eq!(found(&disk, Cut::Kept).unwrap(), [1; 600]);
    file.sync_data().unwrap();
    file.write_at(&[2; 600], 600).unwrap();
    assert_eq!(disk.read(Path::new("/disk/a")).unwrap().len(), 1200);
    assert_eq!(found(&disk, Cut::Lost).unwrap(), [1; 600]);
    for seed in 0..50 {
        let torn = found(&disk, Cut::Torn(seed)).unwrap();
        assert_eq!(torn[..600], [1; 600], "what was synced stays");
    }
}

#[test]
fn sectors_and_lengths_are_torn_out_of_order() {
    let (disk, file) = file_of(2048, 1);
    file.sync_data().unwrap();
    file.write_at(&[2; 1024], 1024).unwrap();
    file.write_at(&[3; 1024], 2048).unwrap();
    let seen: BTreeSet<Vec<u8>> =
        (0..200).map(|seed| found(&disk, Cut::Torn(seed)).unwrap()).collect();
    let ends = |end: &[u8]| seen.iter().any(|bytes| bytes.get(1024..) == Some(end));
    let sectors = |first: u8, second: u8| [[first; 512], [second; 512]].concat();
    assert!(
        ends(&sectors(1, 2)) && ends(&sectors(2, 1)),
        "a later sector comes without an earlier"
    );
    assert!(
        seen.iter().any(|bytes| bytes.ends_with(&[0; 512])),
        "a length comes without its bytes"
    );
    assert!(
        seen.iter().any(|bytes| bytes.len() == 3072 && bytes[1024] == 1),
        "writes are reordered"
    );
}

#[test]
fn names_are_durable_with_their_directory() {
    let disk = SimulatedDisk::new(Path::new(ROOT));
    disk.make_dirs(Path::new("/disk/in")).unwrap();
    let file = disk.create(Path::new("/disk/in/a")).unwrap();
    file.write_at(b"a", 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("/disk/in")).unwrap();
    let after = disk.after_cut(disk.operations().len(), Cut::Lost);
    assert!(after.list(Path::new(ROOT)).unwrap().is_empty(), "its directory has no durable name");
    disk.sync_dir(Path::new(ROOT)).unwrap();
    disk.rename(Path::new("/disk/in/a"), Path::new("/disk/in/b")).unwrap();
    let after = disk.after_cut(disk.operations().len(), Cut::Lost);
    assert_eq!(after.read(Path::new("/disk/in/a")).unwrap(), b"a");
    disk.sync_dir(Path::new("/disk/in")).unwrap();
    let after = disk.after_cut(disk.operations().len(), Cut::Lost);
    assert_eq!(after.read(Path::new("/disk/in/b")).unwrap(), b"a");
    assert_eq!(after.list(Path::new("/disk/in")).unwrap().len(), 1);
}

#[test]
fn what_a_failed_sync_left_is_lost_though_the_next_one_succeeds() {
    let (disk, file) = file_of(100, 1);
    disk.fail(disk.asked(), DiskFault::Broken);
    file.sync_data().unwrap_err();
    assert_eq!(disk.fired(), 1);
    file.sync_data().unwrap();
    assert_eq!(disk.read(Path::new("/disk/a")).unwrap().len(), 100, "programs still see it");
    assert_eq!(found(&disk, Cut::Kept).unwrap(), [], "the disk never had it");
    file.write_at(&[1; 100], 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(found(&disk, Cut::Lost).unwrap(), [1; 100]);
}

#[test]
fn a_full_disk_takes_what_it_can() {
    let (disk, file) = file_of(100, 1);
    disk.limit(Some(130));
    let error = file.write_at(&[2; 100], 100).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.length().unwrap(), 130, "a short write");
    file.write_at(&[3; 100], 0).unwrap();
    disk.limit(None);
    file.write_at(&[2; 100], 100).unwrap();
}

#[test]
fn without_power_nothing_works() {
    let (disk, file) = file_of(100, 1);
    disk.cut_after(disk.asked() + 1);
    file.write_at(&[2; 100], 100).unwrap();
    file.sync_data().unwrap_err();
    file.read_at(&mut [0], 0).unwrap_err();
    disk.create(Path::new("/disk/b")).unwrap_err();
    disk.list(Path::new(ROOT)).unwrap_err();
    assert_eq!(found(&disk, Cut::Lost).unwrap(), []);
}

#[test]
fn a_lock_is_held_once() {
    let disk = SimulatedDisk::new(Path::new(ROOT));
    let lock = disk.lock(Path::new("/disk/LOCK")).unwrap().unwrap();
    assert!(disk.lock(Path::new("/disk/LOCK")).unwrap().is_none());
    drop(lock);
    assert!(disk.lock(Path::new("/disk/LOCK")).unwrap().is_some());
}
