//! ApplyBatch: all or nothing, in one commit, safe to repeat.

use hansa_proto::pb::registry::v1 as pb;
use pb::batch_item::Change;
use pb::batch_result::Resource;
use tonic::Code;

use crate::harness::{
    Registry, create_member, create_network, fields, join, refusal, rules, source, started,
};

fn item(change: Change) -> pb::BatchItem {
    pb::BatchItem { change: Some(change) }
}

fn batch(items: Vec<Change>) -> pb::ApplyBatchRequest {
    pb::ApplyBatchRequest {
        items: items.into_iter().map(item).collect(),
        ..pb::ApplyBatchRequest::default()
    }
}

fn founding() -> Vec<Change> {
    vec![
        Change::CreateNetwork(create_network("anvita")),
        Change::CreateMember(create_member("fr-lyon")),
        Change::JoinNetwork(join("anvita", "fr-lyon")),
    ]
}

async fn head(registry: &mut Registry) -> u64 {
    let request = pb::ListNetworksRequest::default();
    registry.client.list_networks(request).await.unwrap().into_inner().position
}

#[tokio::test]
async fn items_decide_on_the_effect_of_those_before_them_and_share_one_commit() {
    let (_data, mut registry) = started().await;
    let answer = registry.client.apply_batch(batch(founding())).await.unwrap().into_inner();
    assert_eq!((answer.position, answer.replayed, answer.results.len()), (1, false, 3));
    let Some(Resource::Membership(membership)) = &answer.results[2].resource else {
        panic!("the third is a membership: {answer:?}")
    };
    assert_eq!(membership.created_position, 1);
    let request = pb::GetNetworkRequest { name: "networks/anvita".into(), ..Default::default() };
    let network = registry.client.get_network(request).await.unwrap().into_inner();
    assert_eq!(network.network.unwrap().active_member_count, 1);
    assert_eq!(network.position, 1);
    registry.stop().await;
}

#[tokio::test]
async fn a_refusal_names_the_item_and_leaves_nothing() {
    let (_data, mut registry) = started().await;
    let mut items = founding();
    items.push(Change::JoinNetwork(join("anvita", "fr-lyon")));
    let status = registry.client.apply_batch(batch(items)).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::FailedPrecondition, "REFUSED".to_owned()));
    assert_eq!(rules(&status), ["ALREADY_A_MEMBER"]);
    assert!(status.message().starts_with("items[3]: "), "{}", status.message());

    let mut items = founding();
    items.insert(1, Change::JoinNetwork(join("anvita", "fr-lyon")));
    let status = registry.client.apply_batch(batch(items)).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::NotFound, "NOT_FOUND".to_owned()));
    assert!(status.message().starts_with("items[1]: "), "{}", status.message());

    assert_eq!(head(&mut registry).await, 0);
    let request = pb::GetMemberRequest { name: "members/fr-lyon".into(), ..Default::default() };
    assert_eq!(registry.client.get_member(request).await.unwrap_err().code(), Code::NotFound);
    // What was refused is as if it had never been asked for.
    let answer = registry.client.apply_batch(batch(founding())).await.unwrap().into_inner();
    assert_eq!(answer.position, 1);
    registry.stop().await;
}

#[tokio::test]
async fn violations_carry_the_path_of_their_item() {
    let (_data, mut registry) = started().await;
    let mut join = join("anvita", "");
    join.request_id = "mine".into();
    let items = vec![Change::CreateNetwork(create_network("anvita")), Change::JoinNetwork(join)];
    let mut request = batch(items);
    request.items.push(pb::BatchItem { change: None });
    let status = registry.client.apply_batch(request).await.unwrap_err();
    let expected =
        ["items[1].join_network.request_id", "items[1].join_network.member", "items[2].change"];
    assert_eq!(fields(&status), expected);
    let status = registry.client.apply_batch(batch(Vec::new())).await.unwrap_err();
    assert_eq!(fields(&status), ["items"]);
    let many = (0..1_001).map(|_| Change::CreateNetwork(create_network("a"))).collect();
    let status = registry.client.apply_batch(batch(many)).await.unwrap_err();
    assert_eq!(fields(&status), ["items"]);
    registry.stop().await;
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_also_of_items_that_changed_nothing() {
    let (data, mut registry) = started().await;
    registry.client.create_network(create_network("eurocities")).await.unwrap();
    let mut update = pb::UpdateNetworkRequest {
        network: create_network("eurocities").network,
        update_mask: Some(prost_types::FieldMask { paths: vec!["names".into()] }),
        ..Default::default()
    };
    let mut items = vec![Change::UpdateNetwork(update.clone())];
    items.extend(founding());
    let request = pb::ApplyBatchRequest { request_id: "once".into(), ..batch(items) };
    let first = registry.client.apply_batch(request.clone()).await.unwrap().into_inner();
    assert_eq!((first.position, first.replayed), (2, false));
    // The network changes afterwards; the answer stays what it was.
    update.network.as_mut().unwrap().names[0].text = "Another name".into();
    registry.client.update_network(update).await.unwrap();
    registry.kill().await;
    let mut registry = Registry::start(data.path()).await;
    let again = registry.client.apply_batch(request.clone()).await.unwrap().into_inner();
    assert!(again.replayed);
    assert_eq!(again.results, first.results);
    assert_eq!(again.position, 2);

    let other = pb::ApplyBatchRequest { request_id: "once".into(), ..batch(founding()) };
    let status = registry.client.apply_batch(other).await.unwrap_err();
    assert_eq!(refusal(&status).1, "REQUEST_ID_REUSED");
    registry.stop().await;
}

#[tokio::test]
async fn validating_answers_as_if_it_were_done_and_does_nothing() {
    let (_data, mut registry) = started().await;
    let request = pb::ApplyBatchRequest { validate_only: true, ..batch(founding()) };
    let answer = registry.client.apply_batch(request).await.unwrap().into_inner();
    assert_eq!((answer.results.len(), answer.position), (3, 0));
    assert_eq!(head(&mut registry).await, 0);
    registry.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_into_one_commit_is_refused_whole() {
    let (_data, mut registry) = started().await;
    let note = "n".repeat(4_000);
    let items: Vec<Change> = (0..400)
        .map(|number| {
            let mut request = create_member(&format!("es-{number}"));
            let member = request.member.as_mut().unwrap();
            member.note = note.clone();
            member.sources = vec![source()];
            Change::CreateMember(request)
        })
        .collect();
    let status = registry.client.apply_batch(batch(items)).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::ResourceExhausted, "TOO_LARGE".to_owned()));
    assert_eq!(head(&mut registry).await, 0);
    registry.stop().await;
}
