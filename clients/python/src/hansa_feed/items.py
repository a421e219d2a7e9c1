"""What a subscription yields."""

import dataclasses
from collections.abc import Sequence

from hansa.feed.v1 import event_pb2, feed_service_pb2

from .errors import Interruption


@dataclasses.dataclass(frozen=True)
class Events:
    """Events in order, of whole commits: no other item brings more of the same commit."""

    events: Sequence[event_pb2.Event]
    #: After these. Store it with what they cause.
    cursor: bytes
    #: Position of the last of them.
    position: int


@dataclasses.dataclass(frozen=True)
class SnapshotBegin:
    """The present state begins."""

    #: It was cut off before it was whole and begins anew: drop what came since the last beginning.
    again: bool


@dataclasses.dataclass(frozen=True)
class SnapshotPart:
    """Part of the present state."""

    state: feed_service_pb2.Snapshot


@dataclasses.dataclass(frozen=True)
class SnapshotEnd:
    """The present state is whole; what follows changes it."""

    cursor: bytes
    position: int


@dataclasses.dataclass(frozen=True)
class Gap:
    """Events that are missing and always will be: those after one position, up to another."""

    after: int
    up_to: int


@dataclasses.dataclass(frozen=True)
class Interrupted:
    """A sign, not yielded: the connection is lost, or there is none yet; it is tried again."""

    cause: Interruption
    #: When, in seconds.
    retry_in: float
