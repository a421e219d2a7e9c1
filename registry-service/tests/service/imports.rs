//! Import: every row for itself, in order, safe to repeat, tried without a trace.

use futures_util::StreamExt as _;
use futures_util::stream;
use hansa_proto::pb::common::v1::ErrorReason;
use hansa_proto::pb::registry::v1 as pb;
use pb::ImportOutcome::{Applied, Refused, Unchanged};
use pb::batch_item::Change;
use pb::import_request::Message;
use tonic::{Code, Status};

use crate::harness::{Registry, create_member, create_network, fields, join, refusal, started};

fn options(import_id: &str, validate_only: bool) -> pb::ImportRequest {
    let options = pb::ImportOptions { import_id: import_id.into(), validate_only };
    pb::ImportRequest { message: Some(Message::Options(options)) }
}

fn row(key: &str, change: Change) -> pb::ImportRequest {
    let item = Some(pb::BatchItem { change: Some(change) });
    pb::ImportRequest { message: Some(Message::Row(pb::ImportRow { key: key.into(), item })) }
}

async fn import(
    registry: &mut Registry,
    requests: Vec<pb::ImportRequest>,
) -> Result<Vec<pb::ImportResponse>, Status> {
    let answers = registry.client.import(stream::iter(requests)).await?.into_inner();
    answers.collect::<Vec<_>>().await.into_iter().collect()
}

fn outcomes(responses: &[pb::ImportResponse]) -> Vec<(&str, pb::ImportOutcome)> {
    let results = responses.iter().flat_map(|response| &response.results);
    results.map(|result| (result.key.as_str(), result.outcome())).collect()
}

fn founding() -> Vec<pb::ImportRequest> {
    vec![
        row("1", Change::CreateNetwork(create_network("anvita"))),
        row("2", Change::CreateMember(create_member("fr-lyon"))),
        row("3", Change::JoinNetwork(join("anvita", "fr-lyon"))),
        row("4", Change::JoinNetwork(join("anvita", "fr-lyon"))),
        row("5", Change::JoinNetwork(join("anvita", ""))),
        row("6", Change::CreateMember(create_member("fr-paris"))),
    ]
}

#[tokio::test]
async fn a_row_that_is_refused_does_not_keep_the_others() {
    let (_data, mut registry) = started().await;
    let mut requests = vec![options("", false)];
    requests.extend(founding());
    let responses = import(&mut registry, requests).await.unwrap();
    let expected = [
        ("1", Applied),
        ("2", Applied),
        ("3", Applied),
        ("4", Refused),
        ("5", Refused),
        ("6", Applied),
    ];
    assert_eq!(outcomes(&responses), expected);
    let last = responses.last().unwrap();
    assert_eq!((last.rows, last.position), (6, 4));
    let results: Vec<_> = responses.iter().flat_map(|response| &response.results).collect();
    let refused = results[3].error.as_ref().unwrap();
    assert_eq!(refused.reason(), ErrorReason::Refused);
    assert_eq!(refused.rules, [pb_rule("ALREADY_A_MEMBER")]);
    let malformed = results[4].error.as_ref().unwrap();
    assert_eq!(malformed.reason(), ErrorReason::Malformed);
    assert!(malformed.fields[0].starts_with("item.join_network.member: "), "{malformed:?}");
    registry.stop().await;
}

fn pb_rule(name: &str) -> i32 {
    let name = format!("RULE_VIOLATION_{name}");
    hansa_proto::pb::common::v1::RuleViolation::from_str_name(&name).unwrap().into()
}

#[tokio::test]
async fn a_repetition_under_the_same_id_changes_nothing() {
    let (_data, mut registry) = started().await;
    let requests = || [vec![options("table-2024", false)], founding()].concat();
    let first = import(&mut registry, requests()).await.unwrap();
    let again = import(&mut registry, requests()).await.unwrap();
    let unchanged = outcomes(&again).into_iter().filter(|(_, outcome)| *outcome == Unchanged);
    assert_eq!(unchanged.map(|(key, _)| key).collect::<Vec<_>>(), ["1", "2", "3", "6"]);
    let places = |responses: &[pb::ImportResponse]| -> Vec<u64> {
        responses.iter().flat_map(|it| &it.results).map(|it| it.position).collect()
    };
    assert_eq!(places(&again), places(&first));
    // The same key for something else is not what was done.
    let other = vec![
        options("table-2024", false),
        row("1", Change::CreateNetwork(create_network("eurocities"))),
    ];
    let responses = import(&mut registry, other).await.unwrap();
    let error = responses[0].results[0].error.as_ref().unwrap();
    assert_eq!(error.reason(), ErrorReason::RequestIdReused);
    registry.stop().await;
}

#[tokio::test]
async fn a_dry_run_answers_like_the_import_and_leaves_nothing() {
    let (_data, mut registry) = started().await;
    let tried =
        import(&mut registry, [vec![options("a", true)], founding()].concat()).await.unwrap();
    let position = tried.iter().map(|response| response.position).max();
    assert_eq!(position, Some(0));
    let done =
        import(&mut registry, [vec![options("a", false)], founding()].concat()).await.unwrap();
    assert_eq!(outcomes(&tried), outcomes(&done));
    // And after it everything is so already.
    let tried =
        import(&mut registry, [vec![options("a", true)], founding()].concat()).await.unwrap();
    assert_eq!(outcomes(&tried)[0], ("1", Unchanged));
    registry.stop().await;
}

#[tokio::test]
async fn thousands_of_rows_are_answered_in_order_and_in_small_messages() {
    let (data, mut registry) = started().await;
    let rows = 3_000;
    let mut requests = vec![options("", false)];
    requests.extend((0..rows).map(|number| {
        row(&number.to_string(), Change::CreateMember(create_member(&format!("es-{number}"))))
    }));
    let responses = import(&mut registry, requests).await.unwrap();
    assert!(responses.iter().all(|response| response.results.len() <= 512));
    let keys: Vec<String> =
        responses.iter().flat_map(|it| &it.results).map(|it| it.key.clone()).collect();
    assert_eq!(keys, (0..rows).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(responses.last().unwrap().position, rows);
    // All of it was durable when it was answered.
    registry.kill().await;
    let mut registry = Registry::start(data.path()).await;
    let request = pb::ListMembersRequest { page_size: 1, ..Default::default() };
    let list = registry.client.list_members(request).await.unwrap().into_inner();
    assert_eq!(list.position, rows);
    registry.stop().await;
}

#[tokio::test]
async fn who_goes_away_loses_answers_and_nothing_else() {
    let (_data, mut registry) = started().await;
    let (sender, receiver) = tokio::sync::mpsc::channel(8);
    let requests = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|request| (request, receiver))
    });
    let mut answers = registry.client.import(requests).await.unwrap().into_inner();
    sender.send(options("", false)).await.unwrap();
    sender.send(row("1", Change::CreateMember(create_member("fr-lyon")))).await.unwrap();
    let first = answers.message().await.unwrap().unwrap();
    assert_eq!(outcomes(&[first]), [("1", Applied)]);
    drop(answers);
    drop(sender);
    let request = pb::GetMemberRequest { name: "members/fr-lyon".into(), ..Default::default() };
    assert!(registry.client.get_member(request).await.is_ok());
    registry.stop().await;
}

#[tokio::test]
async fn options_come_first_and_once() {
    let (_data, mut registry) = started().await;
    let early = vec![row("1", Change::CreateMember(create_member("fr-lyon")))];
    let status = import(&mut registry, early).await.unwrap_err();
    assert_eq!(fields(&status), ["options"]);
    let twice = vec![options("", false), options("", false)];
    assert_eq!(fields(&import(&mut registry, twice).await.unwrap_err()), ["options"]);
    let slash = vec![options("a/b", false)];
    let status = import(&mut registry, slash).await.unwrap_err();
    assert_eq!(fields(&status), ["options.import_id"]);
    assert_eq!(refusal(&status).0, Code::InvalidArgument);
    registry.stop().await;
}
