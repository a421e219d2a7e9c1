//! Page tokens, of every list of both services and in every order they know: whatever stands where a true
//! token says how far one has read. Such a token is of its list, and so gets behind its mark.

use std::sync::LazyLock;

use bytes::Bytes;
use hansa_proto::pb;
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::{AsTheyAre, RUNTIME};
use crate::{World, make};

/// Digits of a token that say which list it is of.
const MARK_DIGITS: usize = 18;

/// How many lists there are: one that lacks a second page here would not be looked at.
const LISTS: usize = 14;

/// Fields that say what is listed, in any list that has them.
const OF: [(&str, &str); 5] = [
    ("network", "networks/n-0"),
    ("member", "members/m-0"),
    ("name", "networks/n-2/memberships/m-2"),
    ("name", "statements/s-0"),
    ("name", "campaigns/c-0"),
];

/// A list with a second page.
struct List {
    method: MethodDescriptor,
    channel: Channel,
    request: DynamicMessage,
    /// The token of its second page.
    token: String,
}

struct Lists {
    _world: World,
    lists: Vec<List>,
}

static ALL: LazyLock<Lists> = LazyLock::new(|| RUNTIME.block_on(lists()));

/// The first byte says which list, the second how the rest stands in its token: in the place of what
/// the token says, as bytes or as text, or upon it. A page comes, or the token is refused.
pub fn page_tokens(bytes: &[u8]) {
    let [which, how, rest @ ..] = bytes else { return };
    let List { method, channel, request, token } =
        &ALL.lists[usize::from(*which) % ALL.lists.len()];
    let (mark, place) = token.split_at(MARK_DIGITS);
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let place: String = match how % 3 {
        0 => hexadecimal(rest),
        1 => String::from_utf8_lossy(rest).into_owned(),
        _ => {
            let digits = place.as_bytes().chunks_exact(2);
            let place = digits.map(|pair| {
                let pair = std::str::from_utf8(pair).expect("digits");
                u8::from_str_radix(pair, 16).expect("digits")
            });
            let mut rest = rest.iter();
            let place = place.map(|byte| byte ^ rest.next().unwrap_or(&0));
            hexadecimal(&place.collect::<Vec<u8>>())
        }
    };
    let mut request = request.clone();
    request.set_field_by_name("page_token", Value::String(format!("{mark}{place}")));
    if let Err(status) = RUNTIME.block_on(answer(channel, method, &request)) {
        // A position that a token names may not be there yet.
        let refused = [Code::InvalidArgument, Code::OutOfRange].contains(&status.code());
        assert!(refused, "{}: {status:?}", method.name());
    }
}

async fn answer(
    channel: &Channel,
    method: &MethodDescriptor,
    request: &DynamicMessage,
) -> Result<DynamicMessage, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.expect("the service goes on");
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let path = PathAndQuery::try_from(path).expect("a path");
    let request = tonic::Request::new(Bytes::from(request.encode_to_vec()));
    let answer = client.unary(request, path, AsTheyAre).await?.into_inner();
    Ok(DynamicMessage::decode(method.output(), answer).expect("an answer of its kind"))
}

async fn lists() -> Lists {
    let world = World::start().await;
    fill(&world).await;
    let pool = DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).expect("our own descriptors");
    let channel = |url: String| Endpoint::from_shared(url).expect("a URL").connect_lazy();
    let (registry, feed) = (channel(world.registry_url()), channel(world.feed_url()));
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let paged = methods.filter(|it| it.input().get_field_by_name("page_token").is_some());
    let (mut lists, mut methods) = (Vec::new(), 0);
    for method in paged {
        let of_registry = method.full_name().starts_with("hansa.registry.");
        let channel = if of_registry { &registry } else { &feed };
        let before = lists.len();
        for request in requests(&method) {
            let Ok(answer) = answer(channel, &method, &request).await else { continue };
            let token = answer.get_field_by_name("next_page_token").expect("its field");
            let token = token.as_str().expect("it is text").to_owned();
            if !token.is_empty() {
                let (method, channel) = (method.clone(), channel.clone());
                lists.push(List { method, channel, request, token });
            }
        }
        assert!(lists.len() > before, "{} has no second page", method.name());
        methods += 1;
    }
    assert_eq!(methods, LISTS, "not all lists are there");
    Lists { _world: world, lists }
}

/// What may be asked of a list for pages of one row: of each thing, and in each order.
fn requests(method: &MethodDescriptor) -> Vec<DynamicMessage> {
    let has = |field: &str| method.input().get_field_by_name(field).is_some();
    let mut smallest = DynamicMessage::new(method.input());
    smallest.set_field_by_name("page_size", Value::I32(1));
    let text = |value: &str| Value::String(value.to_owned());
    let of = OF.iter().filter(|(field, _)| has(field)).map(|(field, value)| {
        let mut request = smallest.clone();
        request.set_field_by_name(field, text(value));
        request
    });
    let of: Vec<_> = std::iter::once(smallest.clone()).chain(of).collect();
    let ways = [
        ("descending", Value::Bool(true)),
        ("ascending", Value::Bool(true)),
        ("at_position", Value::U64(9)),
        ("order_by", text("name desc")),
        ("order_by", text("joined desc")),
        ("filter", text("name != \"x\"")),
        ("filter", text("country = \"ES\"")),
    ];
    let ways = ways.into_iter().flat_map(|(field, value)| {
        let with = |request: &DynamicMessage| {
            let mut request = request.clone();
            // Not every list knows every way; the feed's filter is no text.
            request.try_set_field_by_name(field, value.clone()).ok().map(|()| request)
        };
        of.iter().filter_map(with).collect::<Vec<_>>()
    });
    of.iter().cloned().chain(ways).collect()
}

/// Two or three of everything.
async fn fill(world: &World) {
    let mut registry = world.registry();
    for number in 0..3 {
        let request = make::network(&format!("n-{number}"));
        registry.create_network(request).await.expect("a new network");
    }
    let mut position = 0;
    for number in 0..3 {
        let id = format!("m-{number}");
        registry.create_member(make::member(&id, "ES")).await.expect("a new member");
        for network in 0..3 {
            let join = make::join(&format!("n-{network}"), &id);
            position = registry.join_network(join).await.expect("it joins").into_inner().position;
        }
    }
    let name = make::membership_name("n-2", "m-2");
    let leave = pb::registry::v1::LeaveNetworkRequest { name, ..Default::default() };
    registry.leave_network(leave).await.expect("it leaves");
    world.feed_follows(position).await;
    for number in 0..3 {
        let statement = make::statement(&format!("s-{number}"), "n-0", &["m-0", "m-1", "m-2"]);
        world.statements().publish_statement(statement).await.expect("a new statement");
        let mut campaign = make::campaign(&format!("c-{number}"), "n-0");
        campaign.campaign.as_mut().expect("just made").leads = vec![make::member_name("m-0")];
        world.campaigns().launch_campaign(campaign).await.expect("a new campaign");
        let join = pb::feed::v1::JoinCampaignRequest {
            name: "campaigns/c-0".to_owned(),
            member: make::member_name(&format!("m-{number}")),
            ..Default::default()
        };
        world.campaigns().join_campaign(join).await.expect("it takes part");
        let subscription = Some(pb::feed::v1::Subscription {
            name: format!("subscriptions/s-{number}"),
            ..Default::default()
        });
        let create = pb::feed::v1::CreateSubscriptionRequest { subscription, ..Default::default() };
        world.feed().create_subscription(create).await.expect("a new subscription");
    }
}
