//! Random batches, reopened now and then and cut anywhere, against a plain list.

use proptest::prelude::*;

use std::fs::OpenOptions;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Draft>),
    Reopen,
    /// The machine stops while a batch is written: so much of it reaches the disk, and so many zeros that
    /// were written ahead are behind it.
    Tear(Vec<Draft>, prop::sample::Index, u64),
}

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    let draft = (any::<i64>(), bytes(), bytes()).prop_map(|(recorded_at_micros, meta, body)| {
        Draft { recorded_at_micros, meta: meta.into(), body: body.into() }
    });
    prop::collection::vec(draft, 1..6)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => drafts().prop_map(Step::Append),
        1 => Just(Step::Reopen),
        2 => (drafts(), any::<prop::sample::Index>(), prop_oneof![Just(0), 1..600_u64])
            .prop_map(|(drafts, cut, ahead)| Step::Tear(drafts, cut, ahead)),
    ]
}

/// `note`: how far the journal was durable before the write that is torn.
fn tear(
    segments: &Segments,
    journal: Arc<dyn Journal>,
    length: u64,
    (cut, ahead): (prop::sample::Index, u64),
    note: &[u8],
) {
    drop(journal);
    fs::write(segments.dir.path().join("highwater"), note).unwrap();
    let file = segment_files(segments.dir.path()).pop().unwrap();
    let file = OpenOptions::new().write(true).open(file).unwrap();
    let written = file.metadata().unwrap().len() - length;
    let torn = length + cut.index(usize::try_from(written).unwrap()) as u64;
    file.set_len(torn).unwrap();
    file.set_len(torn + ahead).unwrap();
}

async fn check(steps: Vec<Step>, segment_bytes: u64) {
    let segments = Segments::new(segment_bytes);
    let mut journal = segments.open().await;
    let mut model: Vec<Commit> = Vec::new();
    for step in steps {
        match step {
            Step::Append(drafts) => model.extend(append(&*journal, drafts).await),
            Step::Reopen => {
                drop(journal);
                journal = segments.open().await;
            }
            Step::Tear(drafts, cut, ahead) => {
                let files = segment_files(segments.dir.path());
                let last = files.last().map_or(0, |file| end_of_records(file));
                let note = fs::read(segments.dir.path().join("highwater")).unwrap();
                append(&*journal, drafts).await;
                let rolled = segment_files(segments.dir.path()).len() > files.len();
                tear(&segments, journal, if rolled { 0 } else { last }, (cut, ahead), &note);
                journal = segments.open().await;
            }
        }
        assert_eq!(read_all(&*journal).await, model);
    }
    assert_continuous(&*journal, &model);
    assert_eq!(verify(segments.dir.path()).unwrap().last.get(), model.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_is_a_list(
        steps in prop::collection::vec(step(), 1..25),
        segment_bytes in prop_oneof![Just(SEGMENT_BYTES), 200_u64..3000],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(steps, segment_bytes));
    }
}
