"""A client in another language: what it generates from the .proto files alone works against the binary.

    python test_roundtrip.py --hansa PATH_TO_BINARY

Starts `hansa up` in an empty directory, records a network and a member, lets the member join, receives
the join from the feed, is refused once, and ends the process with SIGTERM.
"""

import argparse
import contextlib
import importlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import uuid

import grpc
from google.protobuf import empty_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from grpc_tools import protoc
import grpc_tools

PROTO = pathlib.Path(__file__).resolve().parents[3] / "proto"
START_SECONDS = 60
CALL_SECONDS = 30
STOP_SECONDS = 30


def generate(out: pathlib.Path) -> None:
    """Generates the clients into `out` and makes them importable."""
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("hansa/**/*.proto"))
    assert files, f"no .proto files under {PROTO}"
    arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}"]
    arguments += [f"--python_out={out}", f"--grpc_python_out={out}", *files]
    assert protoc.main(arguments) == 0, "the .proto files do not compile"
    sys.path.insert(0, str(out))


@contextlib.contextmanager
def running(binary: pathlib.Path, directory: pathlib.Path):
    """The pair, with where its services listen. It must end with 0 on SIGTERM."""
    endpoints = directory / "endpoints.json"
    log = directory / "hansa.log"
    command = [str(binary), "up", "--data", str(directory / "data")]
    command += ["--registry-listen", "127.0.0.1:0", "--feed-listen", "127.0.0.1:0"]
    command += ["--endpoints-file", str(endpoints), "--no-tail", "--no-import"]
    with log.open("wb") as lines:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not endpoints.exists():
            assert process.poll() is None, f"hansa ended with {process.returncode} at its start"
            assert time.monotonic() < deadline, f"hansa does not serve after {START_SECONDS} s"
            time.sleep(0.02)
        yield json.loads(endpoints.read_text())
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=STOP_SECONDS)
        assert code == 0, f"hansa ended with {code} on SIGTERM"
    except BaseException:
        sys.stderr.write(log.read_text(errors="replace"))
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def channel(endpoint: str) -> grpc.Channel:
    """Endpoints are `http://host:port`; grpcio wants `host:port`."""
    scheme, _, authority = endpoint.partition("://")
    assert scheme == "http" and authority, f"not an endpoint: {endpoint}"
    return grpc.insecure_channel(authority)


def request_id() -> str:
    return str(uuid.uuid4())


def check_join(registry, feed) -> None:
    """A network and a member are recorded, the member joins, the feed tells it."""
    common = importlib.import_module("hansa.common.v1.common_pb2")
    network = importlib.import_module("hansa.registry.v1.network_pb2")
    member = importlib.import_module("hansa.registry.v1.member_pb2")
    membership = importlib.import_module("hansa.registry.v1.membership_pb2")
    calls = importlib.import_module("hansa.registry.v1.registry_service_pb2")

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
    events = importlib.import_module("hansa.feed.v1.event_pb2")
    calls = importlib.import_module("hansa.feed.v1.feed_service_pb2")
    stream = feed.Subscribe(
        calls.SubscribeRequest(
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
    calls = importlib.import_module("hansa.registry.v1.registry_service_pb2")
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hansa", required=True, type=pathlib.Path, help="the binary")
    binary = parser.parse_args().hansa.resolve(strict=True)
    with tempfile.TemporaryDirectory(prefix="hansa-python-") as name:
        directory = pathlib.Path(name)
        generated = directory / "generated"
        generated.mkdir()
        generate(generated)
        registry_stubs = importlib.import_module("hansa.registry.v1.registry_service_pb2_grpc")
        feed_stubs = importlib.import_module("hansa.feed.v1.feed_service_pb2_grpc")
        with running(binary, directory) as endpoints:
            with channel(endpoints["registry"]) as to_registry, channel(endpoints["feed"]) as to_feed:
                registry = registry_stubs.RegistryServiceStub(to_registry)
                check_join(registry, feed_stubs.FeedServiceStub(to_feed))
                check_refusal(registry)
    print("python client: the round trip, the refusal and the end on SIGTERM hold")


if __name__ == "__main__":
    main()
