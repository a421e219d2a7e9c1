//! Every kind of file a service keeps, damaged in every way: a damaged journal is refused with the place,
//! a damaged view is made again, what carries no truth does no harm; and nothing damaged is ever served.

use std::fs;
use std::path::{Path, PathBuf};

use hansa_journal::disk::RealDisk;
use hansa_proto::pb::registry::v1::{ListMembersRequest, ListNetworksRequest, Member};
use hansa_tests::events::{events_to_head, from_beginning};
use hansa_tests::on_disk::{OnDisk, copy_directory};
use hansa_tests::{Clients, make};
use tempfile::TempDir;
use tonic::{Code, Status};

/// What a service over damaged files must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    /// Not start, and say where in which file.
    Refuse,
    /// Answer as if nothing had happened, after one more start at the latest.
    Answer,
}

/// A change of a file behind the service's back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Flip(usize),
    Cut(usize),
    Zero(usize, usize),
    Empty,
    Remove,
    Garbage,
}

impl Change {
    fn make(self, file: &Path) {
        let mut bytes = fs::read(file).unwrap();
        match self {
            Change::Flip(at) => bytes[at] ^= 0x20,
            Change::Cut(at) => bytes.truncate(at),
            Change::Zero(from, to) => bytes[from..to].fill(0),
            Change::Empty => bytes.clear(),
            Change::Garbage => bytes
                .iter_mut()
                .zip((0..=u8::MAX).cycle())
                .for_each(|(byte, next)| *byte ^= next | 1),
            Change::Remove => return fs::remove_file(file).unwrap(),
        }
        fs::write(file, bytes).unwrap();
    }
}

/// What the registry answers: the networks' counts, and all members.
async fn answers(url: &str) -> Result<(Vec<(String, i64)>, Vec<Member>), Status> {
    let clients = Clients { registry_url: url.to_owned(), feed_url: url.to_owned() };
    let networks =
        clients.registry().list_networks(ListNetworksRequest::default()).await?.into_inner();
    let members = ListMembersRequest { page_size: 1000, ..Default::default() };
    let members = clients.registry().list_members(members).await?.into_inner().members;
    let counts = networks.networks.into_iter().map(|it| (it.name, it.active_member_count));
    Ok((counts.collect(), members))
}

/// A registry's data of several segments, and what it answers.
async fn written() -> (TempDir, (Vec<(String, i64)>, Vec<Member>)) {
    let data = tempfile::tempdir().unwrap();
    let registry = OnDisk::registry(RealDisk::shared(), data.path()).await.unwrap();
    let clients = Clients { registry_url: registry.url.clone(), feed_url: registry.url.clone() };
    clients.registry().create_network(make::network("n")).await.unwrap();
    for number in 0..40 {
        let id = format!("m-{number}");
        clients.registry().create_member(make::member(&id, "ES")).await.unwrap();
        clients.registry().join_network(make::join("n", &id)).await.unwrap();
    }
    let answers = answers(&registry.url).await.unwrap();
    registry.stop().await;
    (data, answers)
}

fn segments(data: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(data.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|it| it == "log")).collect();
    segments.sort();
    segments
}

/// Starts over what a change left, and says whether it did what it must.
async fn check(
    case: &str,
    data: &Path,
    must: Must,
    expected: &(Vec<(String, i64)>, Vec<Member>),
    file: &str,
) {
    match OnDisk::registry(RealDisk::shared(), data).await {
        Err(why) if must == Must::Refuse => {
            assert!(why.contains(file), "{case}: it does not name {file}: {why}");
            let placed = why.contains("offset") && why.contains("position");
            assert!(placed || file == "identity", "{case}: it does not say where: {why}");
            let advised = why.contains("backup") || why.contains("repair");
            assert!(advised, "{case}: it does not say what to do: {why}");
        }
        Err(why) => panic!("{case}: it does not start: {why}"),
        Ok(registry) => {
            assert_eq!(must, Must::Answer, "{case}: it started");
            let answered = answers(&registry.url).await;
            if let Ok(answered) = &answered {
                assert_eq!(answered, expected, "{case}: something else is served");
            }
            let ended = registry.end().await;
            if answered.is_err() || ended.is_err() {
                let registry = OnDisk::registry(RealDisk::shared(), data).await.unwrap();
                let again = answers(&registry.url).await;
                assert_eq!(&again.unwrap(), expected, "{case}: after one more start");
                registry.stop().await;
            }
        }
    }
}

/// Fields of a record's header, of `meta` and `body`, by their offsets in the record.
const FIELDS: [(&str, usize); 12] = [
    ("format version", 0),
    ("flags", 1),
    ("zero", 3),
    ("checksum", 5),
    ("length of meta", 11),
    ("length of body", 15),
    ("position", 23),
    ("first of the batch", 31),
    ("recorded at", 37),
    ("chain value", 60),
    ("meta", 74),
    ("body", 150),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_is_refused_with_the_place() {
    let (data, expected) = written().await;
    let count = segments(data.path()).len();
    assert!(count >= 3, "{count} segments");
    let mut cases: Vec<(String, usize, Change)> = Vec::new();
    for segment in [0, count / 2, count - 1] {
        let length = fs::metadata(&segments(data.path())[segment]).unwrap().len() as usize;
        for (field, offset) in FIELDS {
            cases.push((format!("{field}, segment {segment}"), segment, Change::Flip(offset)));
        }
        for change in [
            Change::Flip(length - 1),
            Change::Cut(length - 1),
            Change::Cut(length / 2),
            Change::Cut(100),
            Change::Zero(0, 72),
            Change::Zero(length / 3, length / 2),
            Change::Zero(length - 40, length),
            Change::Empty,
            Change::Garbage,
            Change::Remove,
        ] {
            cases.push((format!("{change:?}, segment {segment}"), segment, change));
        }
    }
    for (case, segment, change) in cases {
        let copy = tempfile::tempdir().unwrap();
        copy_directory(data.path(), copy.path());
        change.make(&segments(copy.path())[segment]);
        let before: Vec<Vec<u8>> =
            segments(copy.path()).iter().map(|file| fs::read(file).unwrap()).collect();
        check(&case, copy.path(), Must::Refuse, &expected, ".log").await;
        let after: Vec<Vec<u8>> =
            segments(copy.path()).iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(before == after, "{case}: something was changed");
        // With the view gone as well nothing else can say what is missing.
        fs::remove_dir_all(copy.path().join("view")).unwrap();
        check(&case, copy.path(), Must::Refuse, &expected, ".log").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_in_another_order_are_refused() {
    let (data, expected) = written().await;
    let named = |copy: &TempDir, index: usize| segments(copy.path())[index].clone();
    type Change = fn(&[PathBuf]);
    let cases: [(&str, Change); 5] = [
        ("two swapped", |files| {
            let (one, other) = (fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap());
            fs::write(&files[0], other).unwrap();
            fs::write(&files[1], one).unwrap();
        }),
        ("one twice", |files| {
            fs::copy(&files[0], &files[1]).unwrap();
        }),
        ("the last one twice", |files| {
            let name = files[0].with_file_name(format!("{:020}.log", 34));
            fs::copy(files.last().unwrap(), name).unwrap();
        }),
        ("one under another name", |files| {
            fs::rename(&files[1], files[1].with_file_name(format!("{:020}.log", 2))).unwrap();
        }),
        ("bytes of another after the end", |files| {
            let mut bytes = fs::read(&files[0]).unwrap();
            bytes.extend(fs::read(&files[1]).unwrap());
            fs::write(&files[0], bytes).unwrap();
        }),
    ];
    for (case, change) in cases {
        let copy = tempfile::tempdir().unwrap();
        copy_directory(data.path(), copy.path());
        change(&segments(copy.path()));
        assert!(named(&copy, 0).exists());
        check(case, copy.path(), Must::Refuse, &expected, ".log").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_small_files_of_a_journal() {
    let (data, expected) = written().await;
    let cases = [
        ("identity", Change::Flip(0), Must::Refuse),
        ("identity", Change::Flip(9), Must::Refuse),
        ("identity", Change::Cut(20), Must::Refuse),
        ("identity", Change::Zero(0, 10), Must::Refuse),
        ("identity", Change::Empty, Must::Refuse),
        ("identity", Change::Remove, Must::Refuse),
        ("highwater", Change::Flip(0), Must::Answer),
        ("highwater", Change::Flip(12), Must::Answer),
        ("highwater", Change::Cut(20), Must::Answer),
        ("highwater", Change::Zero(0, 48), Must::Answer),
        ("highwater", Change::Empty, Must::Answer),
        ("highwater", Change::Remove, Must::Answer),
        ("LOCK", Change::Empty, Must::Answer),
        ("LOCK", Change::Remove, Must::Answer),
    ];
    for (file, change, must) in cases {
        let copy = tempfile::tempdir().unwrap();
        copy_directory(data.path(), copy.path());
        change.make(&copy.path().join("journal").join(file));
        check(&format!("{file}, {change:?}"), copy.path(), must, &expected, "identity").await;
    }
}

/// All the files of the view, cut, zeroed, removed and flipped at seeded places.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_view_is_made_again() {
    let (data, expected) = written().await;
    let mut files = Vec::new();
    let mut folders = vec![data.path().join("view")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let length = fs::metadata(&file).unwrap().len() as usize;
        let used = fs::read(&file).unwrap().iter().rposition(|byte| *byte != 0).unwrap_or(0);
        let mut changes = vec![Change::Remove, Change::Empty];
        if length > 0 {
            changes.push(Change::Garbage);
            changes.push(Change::Cut(length / 2));
            changes.push(Change::Zero(0, length.min(512)));
            changes.extend((0..8).map(|part| Change::Flip(used * part / 8)));
        }
        for change in changes {
            let copy = tempfile::tempdir().unwrap();
            copy_directory(data.path(), copy.path());
            change.make(&copy.path().join(file.strip_prefix(data.path()).unwrap()));
            let case = format!("{}, {change:?}", file.display());
            check(&case, copy.path(), Must::Answer, &expected, "").await;
        }
    }
}

/// Damage under a running service: what is read from the disk is verified before it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn damage_under_a_running_service_is_never_streamed() {
    let data = tempfile::tempdir().unwrap();
    let start = || async {
        let registry = &data.path().join("registry");
        let registry = OnDisk::registry(RealDisk::shared(), registry).await.unwrap();
        let feed = &data.path().join("feed");
        let feed = OnDisk::feed(RealDisk::shared(), feed, &registry.url).await.unwrap();
        let clients = Clients { registry_url: registry.url.clone(), feed_url: feed.url.clone() };
        (registry, feed, clients)
    };
    let (registry, feed, clients) = start().await;
    clients.registry().create_network(make::network("n")).await.unwrap();
    let mut last = 0;
    for number in 0..10 {
        let id = format!("m-{number}");
        clients.registry().create_member(make::member(&id, "ES")).await.unwrap();
        let joined = clients.registry().join_network(make::join("n", &id)).await.unwrap();
        last = joined.into_inner().position;
    }
    clients.feed_follows(last).await;
    let whole = events_to_head(&mut clients.feed(), None).await;
    feed.stop().await;
    registry.stop().await;

    // Started anew, nothing is in memory: every event is read from the disk.
    let (registry, feed, clients) = start().await;
    let segment = &segments(&data.path().join("feed"))[0];
    let bytes = fs::read(segment).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 24) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x04;
        fs::write(segment, damaged).unwrap();
        let mut stream = clients.feed().subscribe(from_beginning()).await.unwrap().into_inner();
        let mut told = Vec::new();
        let error = loop {
            use hansa_proto::pb::feed::v1::subscribe_response::Message;
            match stream.message().await {
                Ok(Some(response)) => {
                    if let Some(Message::Batch(batch)) = response.message {
                        told.extend(batch.events);
                    }
                }
                Ok(None) => panic!("byte {at}: the stream ended as if all were well"),
                Err(status) => break status,
            }
        };
        assert_eq!(error.code(), Code::DataLoss, "byte {at}: {error:?}");
        assert!(whole.starts_with(&told), "byte {at}: something damaged was told");
    }
    fs::write(segment, bytes).unwrap();
    assert_eq!(events_to_head(&mut clients.feed(), None).await, whole);
    feed.end().await.unwrap();
    registry.stop().await;
}
