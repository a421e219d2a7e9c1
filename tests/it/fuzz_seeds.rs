//! Every input that was kept for the fuzz targets, those that once broke something among them, does no harm.

use std::fs;
use std::path::Path;

use hansa_tests::fuzz::TARGETS;

#[test]
fn what_was_kept_does_no_harm() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    for (name, target) in TARGETS {
        let mut count = 0;
        for entry in fs::read_dir(seeds.join(name)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            target(&bytes);
            count += 1;
        }
        assert!(count > 0, "no seeds of {name}");
    }
}
