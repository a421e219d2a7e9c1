"""The feed of Hansa as a stream that resumes by itself: nothing repeated, nothing skipped.

    import hansa_feed

    async with hansa_feed.subscribe("http://127.0.0.1:50052", start=kept_cursor or "beginning") as commits:
        async for item in commits:
            deal_with(item.events)
            keep(item.cursor)       # best together with what the events caused

`hansa.feed.v1` and its neighbours, generated from the .proto files, are the rest of the API.
"""

from .errors import (
    BrokenPromise,
    CallError,
    CommittedElsewhere,
    Expired,
    Foreign,
    GaveUp,
    InFuture,
    Interruption,
    Refused,
    SubscriptionError,
    Unauthenticated,
)
from .items import Events, Gap, Interrupted, SnapshotBegin, SnapshotEnd, SnapshotPart
from .subscription import Backoff, Last, Since, Subscription, subscribe

__all__ = [
    "Backoff",
    "BrokenPromise",
    "CallError",
    "CommittedElsewhere",
    "Events",
    "Expired",
    "Foreign",
    "Gap",
    "GaveUp",
    "InFuture",
    "Interrupted",
    "Interruption",
    "Last",
    "Refused",
    "Since",
    "SnapshotBegin",
    "SnapshotEnd",
    "SnapshotPart",
    "Subscription",
    "SubscriptionError",
    "Unauthenticated",
    "subscribe",
]
