"""What is generated from the .proto files alone works against the services: a network and a member are
recorded, the member joins, the feed tells it, and a refusal says why."""

import unittest
import uuid

import grpc
from google.protobuf import empty_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hansa.common.v1 import common_pb2 as common
from hansa.feed.v1 import event_pb2 as events
from hansa.feed.v1 import feed_service_pb2
from hansa.registry.v1 import member_pb2 as member
from hansa.registry.v1 import membership_pb2 as membership
from hansa.registry.v1 import network_pb2 as network
from hansa.registry.v1 import registry_service_pb2 as calls
import harness

CALL_SECONDS = 30


class RoundTrip(unittest.TestCase):
    def test_a_join_is_recorded_told_and_done_once(self) -> None:
        with harness.running() as world:
            check_join(world.registry, world.events)
            check_refusal(world.registry)
            world.close()


def request_id() -> str:
    return str(uuid.uuid4())


def check_join(registry, feed) -> None:
    """A network and a member are recorded, the member joins, the feed tells it."""
    created = registry.CreateNetwork(
        calls.CreateNetworkRequest(
            network=network.Network(
                name="networks/hanseatic-league",
                names=[common.Name(text="Hanseatic League", language="en")],
                kind=network.NETWORK_KIND_CITY_NETWORK,
                themes=["trade"],
            ),
            request_id=request_id(),
        ),
        timeout=CALL_SECONDS,
    )
    assert created.position == 1, created
    assert created.network.state == network.NETWORK_STATE_ACTIVE, created
    assert created.network.etag, created

    recorded = registry.CreateMember(
        calls.CreateMemberRequest(
            member=member.Member(
                name="members/de-luebeck",
                names=[common.Name(text="Lübeck", language="de")],
                kind=member.MEMBER_KIND_MUNICIPALITY,
                country="DE",
            ),
            request_id=request_id(),
        ),
        timeout=CALL_SECONDS,
    )
    assert recorded.position == 2, recorded
    assert recorded.member.names[0].text == "Lübeck", recorded

    join = calls.JoinNetworkRequest(
        network="networks/hanseatic-league",
        member="members/de-luebeck",
        occurred_at=common.PartialDate(year=1358),
        request_id=request_id(),
    )
    joined = registry.JoinNetwork(join, timeout=CALL_SECONDS)
    assert joined.position == 3 and not joined.replayed, joined
    assert joined.membership.state == membership.MEMBERSHIP_STATE_ACTIVE, joined
    again = registry.JoinNetwork(join, timeout=CALL_SECONDS)
    assert again.replayed and again.position == 3, again
    assert again.membership == joined.membership, again

    event = first_join(feed)
    assert event.network == "networks/hanseatic-league", event
    assert list(event.members) == ["members/de-luebeck"], event
    assert list(event.countries) == ["DE"], event
    assert event.occurred_at == common.PartialDate(year=1358), event
    assert event.registry_position == joined.position, event
    assert event.name == f"events/{event.position}.{event.index}", event
    assert event.membership_body.name == joined.membership.name, event


def first_join(feed):
    """The first JOINED there is, from the beginning of the feed."""
    stream = feed.Subscribe(
        feed_service_pb2.SubscribeRequest(
            beginning=empty_pb2.Empty(),
            filter=events.Filter(kinds=[events.EVENT_KIND_JOINED]),
        ),
        timeout=CALL_SECONDS,
    )
    opened = next(stream)
    assert opened.WhichOneof("message") == "opened", opened
    assert len(opened.opened.identity) == 16 and opened.opened.start_position == 0, opened
    for message in stream:
        if message.WhichOneof("message") == "batch":
            assert message.batch.cursor, message
            assert [event.kind for event in message.batch.events] == [events.EVENT_KIND_JOINED]
            stream.cancel()
            return message.batch.events[0]
    raise AssertionError("the stream ended without a join")


def check_refusal(registry) -> None:
    """A network that does not exist cannot be joined, and the status says so to programs."""
    join = calls.JoinNetworkRequest(network="networks/none", member="members/de-luebeck")
    try:
        registry.JoinNetwork(join, timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        status = rpc_status.from_call(error)
        assert status is not None, "the status has no details"
        info = detail(status, error_details_pb2.ErrorInfo)
        assert (info.domain, info.reason) == ("hansa", "NOT_FOUND"), info
        assert info.metadata["retryable"] == "false", info
        assert info.metadata["side_effects"] == "none", info
        resource = detail(status, error_details_pb2.ResourceInfo)
        assert resource.resource_name == "networks/none", resource
        return
    raise AssertionError("joining a network that does not exist was not refused")


def detail(status, kind):
    """The detail of this kind, which a status carries once."""
    found = kind()
    assert sum(any_detail.Unpack(found) for any_detail in status.details) == 1, status
    return found


if __name__ == "__main__":
    unittest.main()
