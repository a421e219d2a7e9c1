"""The pair behind a chaos front, as `hansa up` starts it: for the tests, and for yours.

Needs HANSA, the path of the binary, in the environment.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import grpc
from hansa.chaos.v1 import chaos_service_pb2 as chaos
from hansa.chaos.v1 import chaos_service_pb2_grpc as chaos_grpc
from hansa.common.v1 import common_pb2
from hansa.feed.v1 import feed_service_pb2, feed_service_pb2_grpc
from hansa.registry.v1 import member_pb2, registry_service_pb2, registry_service_pb2_grpc

START_SECONDS = 60
STOP_SECONDS = 30
CALL_SECONDS = 30


@contextlib.contextmanager
def running():
    """Both services and the front, on free ports and empty directories. It must end with 0 on SIGTERM."""
    with tempfile.TemporaryDirectory(prefix="hansa-python-") as name:
        directory = pathlib.Path(name)
        endpoints = directory / "endpoints.json"
        log = directory / "hansa.log"
        command = [os.environ["HANSA"], "up", "--data", str(directory / "data"), "--chaos"]
        command += ["--registry-listen", "127.0.0.1:0", "--feed-listen", "127.0.0.1:0"]
        command += ["--chaos-listen", "127.0.0.1:0", "--endpoints-file", str(endpoints)]
        command += ["--no-tail", "--no-import"]
        with log.open("wb") as lines:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines
            )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not endpoints.exists():
                assert process.poll() is None, f"hansa ended with {process.returncode}"
                assert time.monotonic() < deadline, f"not ready after {START_SECONDS} s"
                time.sleep(0.02)
            yield World(**json.loads(endpoints.read_text()))
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


class World:
    """Where everything is, and what a test does to it."""

    def __init__(self, registry: str, feed: str, chaos: str) -> None:
        self.feed = feed
        self._channels = [
            grpc.insecure_channel(url.removeprefix("http://")) for url in (registry, feed, chaos)
        ]
        to_registry, to_feed, to_chaos = self._channels
        self.registry = registry_service_pb2_grpc.RegistryServiceStub(to_registry)
        self.events = feed_service_pb2_grpc.FeedServiceStub(to_feed)
        self._chaos = chaos_grpc.ChaosServiceStub(to_chaos)

    def close(self) -> None:
        for channel in self._channels:
            channel.close()

    def record_members(self, ids) -> None:
        """A member each, and so an event each; returns when the feed has them."""
        for id in ids:
            member = member_pb2.Member(
                name=f"members/{id}",
                names=[common_pb2.Name(text=id)],
                kind=member_pb2.MEMBER_KIND_MUNICIPALITY,
                country="DE",
            )
            request = registry_service_pb2.CreateMemberRequest(member=member)
            position = self.registry.CreateMember(request, timeout=CALL_SECONDS).position
        follow = feed_service_pb2.GetFeedStatusRequest(min_registry_position=position)
        self.events.GetFeedStatus(follow, timeout=CALL_SECONDS)

    def plan(self, **numbers):
        """Sets the front anew; without numbers nothing is planned."""
        plan = chaos.Plan(**numbers) if numbers else None
        request = chaos.SetPlanRequest(plan=plan)
        return self._chaos.SetPlan(request, timeout=CALL_SECONDS).faults

    def apply(self, kind: str, **fields) -> int:
        """Lets a fault happen; its number."""
        fault = chaos.Fault(kind=chaos.FaultKind.Value(f"FAULT_KIND_{kind.upper()}"), **fields)
        request = chaos.ApplyRequest(fault=fault)
        return self._chaos.Apply(request, timeout=CALL_SECONDS).fault.number

    def fired(self, number: int) -> None:
        """Returns when the fault has fired."""
        request = chaos.ListFaultsRequest(wait_until_fired=number)
        self._chaos.ListFaults(request, timeout=CALL_SECONDS)

    def unfired(self) -> list:
        """What was planned or applied and has not happened."""
        faults = self._chaos.ListFaults(chaos.ListFaultsRequest(), timeout=CALL_SECONDS).faults
        return [fault for fault in faults if not fault.HasField("firing")]
