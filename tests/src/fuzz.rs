//! What a stranger's bytes may do to each parser: nothing. Each function takes any bytes, and panics when
//! the parser breaks its promise; `fuzz/` gives them bytes that were found by coverage, and
//! `tests/it/fuzz_seeds.rs` those that were kept.

mod page_tokens;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use bytes::{Buf as _, Bytes};
use hansa_client::tables::Sheet;
use hansa_journal::{
    Draft, Journal as _, Position, ReadLimit, SegmentJournal, SegmentOptions, verify,
};
use hansa_proto::feed::{Cursor, Filter, Statement};
use hansa_proto::pb;
use hansa_proto::registry::{Member, Network, Term};
use hansa_proto::violation::Violations;
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::DescriptorPool;
use tokio::runtime::Runtime;
use tonic::Code;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};

use crate::World;

pub use page_tokens::page_tokens;

/// Answers of a stream that are read before one hangs up.
const ANSWERS: usize = 4;

/// Cursors: what decodes is what it was encoded from.
pub fn cursor(bytes: &[u8]) {
    if let Ok(cursor) = Cursor::decode(bytes) {
        assert_eq!(cursor.encode(), bytes, "two encodings of one cursor");
    }
}

/// Resources of requests: what was accepted is accepted again, and is the same then.
pub fn resources(bytes: &[u8]) {
    let Some((kind, message)) = bytes.split_first() else { return };
    macro_rules! again {
        ($wire:ty, $strict:ty, $to_pb:expr) => {{
            let Ok(message) = <$wire>::decode(message) else { return };
            let parse = |message: $wire| {
                let mut violations = Violations::default();
                let parsed = <$strict>::parse(message, "it", &mut violations);
                violations.finish().ok().and(parsed)
            };
            if let Some(once) = parse(message) {
                let sent: fn(&$strict) -> $wire = $to_pb;
                let twice = parse(sent(&once));
                assert_eq!(
                    twice.as_ref(),
                    Some(&once),
                    "not accepted, or changed, the second time"
                );
            }
        }};
    }
    match kind % 5 {
        0 => again!(pb::registry::v1::Network, Network, |it| it.to_pb(0)),
        1 => again!(pb::registry::v1::Member, Member, |it| it.to_pb()),
        2 => again!(pb::registry::v1::Term, Term, |it| it.to_pb()),
        3 => again!(pb::feed::v1::Statement, Statement, |it| it.clone().into_pb(0)),
        _ => again!(pb::feed::v1::Filter, Filter, |it| it.to_pb()),
    }
}

/// Tables: read, or refused.
pub fn tables(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let sheet = match kind % 2 {
        0 => Sheet::of_csv("a.csv", &text),
        _ => Sheet::of_json_lines("a.jsonl", &text),
    };
    if let Ok(sheet) = sheet {
        for row in &sheet.rows {
            assert!(!sheet.at(row).is_empty());
        }
    }
}

/// A journal of some segments, and what it holds.
struct Written {
    files: BTreeMap<PathBuf, Vec<u8>>,
    bodies: Vec<Bytes>,
}

static WRITTEN: LazyLock<Written> = LazyLock::new(written);

fn written() -> Written {
    let directory = tempfile::tempdir().expect("a directory");
    let options = SegmentOptions { segment_bytes: 512 };
    let journal = SegmentJournal::open(directory.path(), options).expect("a new journal");
    let mut bodies = Vec::new();
    for number in 0..24u8 {
        let body = Bytes::from(vec![number; 40 + usize::from(number)]);
        let meta = Bytes::from_static(b"of the service");
        let draft = Draft { recorded_at_micros: 1, meta, body: body.clone() };
        let tail = Position::new(u64::from(number));
        RUNTIME.block_on(journal.append(tail, vec![draft])).expect("room");
        bodies.push(body);
    }
    drop(journal);
    let files = fs::read_dir(directory.path()).expect("it is there").map(|entry| {
        let path = entry.expect("an entry").path();
        let name = PathBuf::from(path.file_name().expect("a name"));
        (name, fs::read(&path).expect("it is read"))
    });
    Written { files: files.collect(), bodies }
}

/// Segments of a journal, with bytes of them changed, cut off or put in: five bytes a change. What opens
/// serves only what was written, from the first commit on, and verifies.
pub fn journal(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut files = WRITTEN.files.clone();
    for change in bytes.as_chunks::<5>().0 {
        let [file, high, low, how, byte] = *change;
        let number = usize::from(file) % files.len();
        let content = files.values_mut().nth(number).expect("it is there");
        let at = usize::from(u16::from_be_bytes([high, low])) % (content.len() + 1);
        match how % 4 {
            0 => content.truncate(at),
            1 => content.insert(at, byte),
            _ => content
                .iter_mut()
                .skip(at)
                .take(usize::from(how / 4) + 1)
                .for_each(|it| *it ^= byte),
        }
    }
    for (name, content) in &files {
        fs::write(directory.path().join(name), content).expect("it is written");
    }
    let Ok(journal) = SegmentJournal::open(directory.path(), SegmentOptions::default()) else {
        return;
    };
    let limit = ReadLimit { commits: 100, bytes: 1 << 20 };
    if let Ok(commits) = RUNTIME.block_on(journal.read(Position::ORIGIN, limit)) {
        for (commit, body) in commits.iter().zip(&WRITTEN.bodies) {
            assert_eq!(&commit.body, body, "served what was not written");
        }
        assert!(commits.len() <= WRITTEN.bodies.len(), "served more than was written");
        drop(journal);
        verify(directory.path()).expect("what was opened and read verifies");
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Both services, and where their methods are.
struct Services {
    _world: World,
    registry: Channel,
    feed: Channel,
    methods: Vec<String>,
}

static SERVICES: LazyLock<Services> = LazyLock::new(|| RUNTIME.block_on(services()));

async fn services() -> Services {
    let world = World::start().await;
    let channel = |url: String| Endpoint::from_shared(url).expect("a URL").connect_lazy();
    let pool = DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).expect("our own descriptors");
    let methods = pool.services().flat_map(|service| {
        let methods = service.methods().map(|method| method.name().to_owned());
        let service = service.full_name().to_owned();
        methods.map(move |method| format!("/{service}/{method}")).collect::<Vec<_>>()
    });
    let methods = methods.collect();
    let (registry, feed) = (channel(world.registry_url()), channel(world.feed_url()));
    Services { _world: world, registry, feed, methods }
}

/// The method whose name is the first line, or the one that the first byte is the number of; and the
/// message after it.
fn method(bytes: &[u8]) -> Option<(&'static str, &[u8])> {
    let methods = &SERVICES.methods;
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let named =
        methods.iter().find(|path| path.rsplit('/').next().map(str::as_bytes) == Some(line));
    if let Some(path) = named {
        return Some((path, bytes.get(line.len() + 1..).unwrap_or_default()));
    }
    let (number, message) = bytes.split_first()?;
    Some((&methods[usize::from(*number) % methods.len()], message))
}

/// A request of any bytes to any method of the running services: answered, or refused as the caller's
/// mistake; never a failure of the service's own, and it goes on.
pub fn requests(bytes: &[u8]) {
    let Some((method, message)) = method(bytes) else { return };
    let channel = match method.starts_with("/hansa.registry.") {
        true => &SERVICES.registry,
        false => &SERVICES.feed,
    };
    let code = RUNTIME.block_on(call(channel.clone(), method, Bytes::copy_from_slice(message)));
    let own = [Code::Unknown, Code::Internal, Code::DataLoss, Code::Unavailable];
    // A position that does not come is waited for as long as the caller wants.
    let waited = |text: &str| text.contains("was not reached in time");
    // Bytes that are no message are refused by tonic itself, with INTERNAL.
    let code = code.filter(|(_, text)| !text.starts_with("failed to decode Protobuf message"));
    if let Some((code, text)) = code {
        let failed = own.contains(&code) && !waited(&text);
        assert!(!failed, "{method} failed: {code:?}, {text}");
    }
}

/// What came of a call, where that was not OK.
async fn call(channel: Channel, method: &str, message: Bytes) -> Option<(Code, String)> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.expect("the service goes on");
    let mut request = tonic::Request::new(message);
    request.set_timeout(std::time::Duration::from_secs(2));
    let path = PathAndQuery::try_from(method).expect("a path");
    let failure = |status: tonic::Status| Some((status.code(), status.message().to_owned()));
    let mut answers = match client.server_streaming(request, path, AsTheyAre).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return failure(status),
    };
    for _ in 0..ANSWERS {
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(50), answers.message());
        match waiting.await {
            Ok(Ok(Some(_))) => (),
            Ok(Err(status)) => return failure(status),
            Ok(Ok(None)) | Err(_) => break,
        }
    }
    None
}

/// Messages as bytes.
#[derive(Clone, Copy, Debug)]
struct AsTheyAre;

impl Codec for AsTheyAre {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = AsTheyAre;
    type Decoder = AsTheyAre;

    fn encoder(&mut self) -> AsTheyAre {
        AsTheyAre
    }

    fn decoder(&mut self) -> AsTheyAre {
        AsTheyAre
    }
}

impl Encoder for AsTheyAre {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        bytes::BufMut::put(buffer, item);
        Ok(())
    }
}

impl Decoder for AsTheyAre {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// What is given any bytes.
pub type Target = fn(&[u8]);

/// Each by its name, as its folder of seeds is called.
pub const TARGETS: [(&str, Target); 6] = [
    ("cursor", cursor),
    ("resources", resources),
    ("tables", tables),
    ("journal", journal),
    ("requests", requests),
    ("page_tokens", page_tokens),
];
