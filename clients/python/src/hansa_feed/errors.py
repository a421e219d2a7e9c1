"""What interrupts a subscription, and what ends it.

| what happens | what the subscription does |
| --- | --- |
| UNAVAILABLE, a broken connection, a stream that ends although it has no end | waits and resumes |
| nothing received for 2.5 times the interval that the feed announced | resumes |
| a status that says `retryable` | resumes, not before the time it names |
| UNAUTHENTICATED | asks for another token, once; a second time in a row: `Unauthenticated` |
| CURSOR_EXPIRED | `Expired`, unless `on_expired` says how to go on: then a `Gap` is yielded |
| CURSOR_FOREIGN, or another identity before there is a cursor | `Foreign` |
| CURSOR_IN_FUTURE | `InFuture` |
| any other status | `Refused` |
| more tries in a row than `Backoff.tries` | `GaveUp` |
"""

import grpc
from google.rpc import error_details_pb2, status_pb2

#: A status without details was made by the transport, here or in between.
_OF_THE_TRANSPORT = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
_DETAILS = "grpc-status-details-bin"


class Interruption(Exception):
    """Why a connection was lost, or could not be had."""

    retryable = True
    retry_after: float | None = None


class CallError(Interruption):
    """A call that failed, and what its status says."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        super().__init__(f"{error.code().name}: {error.details()}")
        self.code: grpc.StatusCode = error.code()
        self.message: str = error.details() or ""
        #: `ErrorInfo.reason`; None when the transport made the status.
        self.reason: str | None = None
        self.metadata: dict[str, str] = {}
        self.retryable = self.code in _OF_THE_TRANSPORT
        #: Whether it is unknown if the call took effect.
        self.side_effects_unknown = self.retryable
        for detail in _details(error):
            self._read(detail)

    def _read(self, detail) -> None:
        info = error_details_pb2.ErrorInfo()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            self.reason = info.reason
            self.metadata = dict(info.metadata)
            self.retryable = info.metadata.get("retryable") == "true"
            self.side_effects_unknown = info.metadata.get("side_effects") == "unknown"
        elif detail.Unpack(retry):
            self.retry_after = retry.retry_delay.ToTimedelta().total_seconds()


def _details(error: grpc.aio.AioRpcError):
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            return status_pb2.Status.FromString(value).details
    return ()


class SubscriptionError(Exception):
    """What ends a subscription. What was yielded before stands, and its cursor too."""

    def __init__(self, message: str, cause: Interruption | None = None) -> None:
        super().__init__(message if cause is None else f"{message}: {cause}")
        self.cause = cause


class Expired(SubscriptionError):
    """Nothing as old as the cursor is kept, and the subscription was to fail then."""


class Foreign(SubscriptionError):
    """The feed has another journal than the one the cursor, or what was yielded, is of."""


class InFuture(SubscriptionError):
    """The cursor is ahead of the journal: the feed has lost its end, or is restored from a copy."""


class Unauthenticated(SubscriptionError):
    """The feed took no token, twice in a row."""


class Refused(SubscriptionError):
    """The feed refuses the call, and would again."""


class BrokenPromise(SubscriptionError):
    """The feed did what it never does."""


class CommittedElsewhere(SubscriptionError):
    """Somebody else has committed a cursor of the same named subscription."""


class GaveUp(SubscriptionError):
    """As many tries in a row as there may be came to nothing."""


def fatal(cause: CallError, fail_when_expired: bool) -> SubscriptionError | None:
    """The end that a failed call means; None: another try may heal it."""
    match cause.reason:
        case "CURSOR_EXPIRED" if fail_when_expired:
            return Expired("nothing as old as the cursor is kept", cause)
        case "CURSOR_FOREIGN":
            return Foreign("the feed has another journal than before", cause)
        case "CURSOR_IN_FUTURE":
            return InFuture("the cursor is ahead of the feed", cause)
    return None if cause.retryable else Refused("the feed refuses the call", cause)
