"""A subscription that resumes by itself."""

import asyncio
import dataclasses
import datetime
import random
import uuid
from collections.abc import Awaitable, Callable

import grpc
from google.protobuf import duration_pb2, empty_pb2, timestamp_pb2
from hansa.feed.v1 import event_pb2, feed_service_pb2, feed_service_pb2_grpc

from . import errors
from .items import Events, Gap, Interrupted, SnapshotBegin, SnapshotEnd, SnapshotPart

#: A stream that is silent for so many intervals is dead.
_PATIENCE = 2.5
_INTERVAL = 15.0
_RETRY_AFTER_MOST = 60.0
_COMMIT_TRIES = 5
_MESSAGE_BYTES = 64 * 1024 * 1024
_ON_EXPIRED = {
    "fail": feed_service_pb2.ON_EXPIRED_UNSPECIFIED,
    "from_oldest": feed_service_pb2.ON_EXPIRED_FROM_OLDEST,
    "snapshot": feed_service_pb2.ON_EXPIRED_SNAPSHOT,
}


@dataclasses.dataclass(frozen=True)
class Since:
    """Before the first event recorded at or after this time, by the feed's clock."""

    time: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Last:
    """Before the last so many events that match, 1 to 10,000."""

    count: int


@dataclasses.dataclass(frozen=True)
class Backoff:
    """How to wait between tries: from zero to a ceiling that doubles. In seconds."""

    first: float = 0.1
    most: float = 5.0
    #: Tries in a row that come to nothing before it is given up. None: never.
    tries: int | None = None


def subscribe(
    url: str,
    *,
    start: str | bytes | Since | Last = "beginning",
    name: str | None = None,
    filter: event_pb2.Filter | None = None,
    snapshot: bool = False,
    on_expired: str = "fail",
    stop_at_head: bool = False,
    progress_interval: float | None = None,
    batch_events: int = 0,
    token: Callable[[bool], Awaitable[str]] | None = None,
    backoff: Backoff = Backoff(),
    credentials: grpc.ChannelCredentials | None = None,
    on_sign: Callable[[object], None] | None = None,
) -> "Subscription":
    """A subscription. Nothing is sent before its first item is asked for.

    start: "beginning", "end", a cursor, `Since` or `Last`; with `name`, a named subscription
        `subscriptions/{id}`, its committed cursor is the start and its filter the filter.
    snapshot: send the present state first; only with "beginning", which then means the state instead of
        the past, or "end".
    on_expired: "fail", "from_oldest" or "snapshot": how to go on when nothing as old as the cursor is
        kept.
    stop_at_head: end at the head as it is when the stream opens, or opens again.
    progress_interval: the longest silence asked for, 1 to 60 seconds.
    token: gives a bearer token for each connection; asked with True when the feed refused the last one.
    on_sign: told what happens beside the items: `Opened`, `Progress`, `CaughtUp`, `FellBehind` and
        `Notice` of the feed, and `Interrupted`.
    """
    return Subscription(
        _target(url, credentials),
        _Options(
            start, name, filter, snapshot, _ON_EXPIRED[on_expired], stop_at_head,
            progress_interval, batch_events, token, backoff, on_sign or (lambda _: None),
        ),
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Options:
    start: str | bytes | Since | Last
    name: str | None
    filter: event_pb2.Filter | None
    snapshot: bool
    on_expired: int
    stop_at_head: bool
    progress_interval: float | None
    batch_events: int
    token: Callable[[bool], Awaitable[str]] | None
    backoff: Backoff
    on_sign: Callable[[object], None]


class Subscription:
    """An asynchronous iterator of whole commits, each item with its cursor. Use it with `async with`."""

    def __init__(self, connect: Callable[[], grpc.aio.Channel], options: _Options) -> None:
        self._connect = connect
        self._options = options
        self._cursor = options.start if isinstance(options.start, bytes) else None
        self._up_to = _position(self._cursor) if self._cursor else 0
        self._identity = self._cursor[1:17] if self._cursor else None
        self._whole = not options.snapshot
        self._coming = False
        self._cut_off = False
        self._patience = _PATIENCE * (options.progress_interval or _INTERVAL)
        self._head = 0
        self._opened = False
        self._renew_token = False
        self._tries = 0
        self._channel: grpc.aio.Channel | None = None
        self._stream = None
        self._committed: bytes | None = None
        self._ended = False
        self._ready: list = []

    @property
    def cursor(self) -> bytes | None:
        """After everything that was yielded, and perhaps after what did not match. None before the first
        opening, and before the present state is whole."""
        return self._cursor

    async def __aenter__(self) -> "Subscription":
        return self

    async def __aexit__(self, *_) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends it."""
        self._ended = True
        await self._disconnect()

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Events | SnapshotBegin | SnapshotPart | SnapshotEnd | Gap:
        while not self._ready:
            if self._ended:
                raise StopAsyncIteration
            try:
                message = await self._receive()
                if message is None:
                    await self.aclose()
                else:
                    self._take(message)
            except errors.Interruption as cause:
                await self._interrupted(cause)
            except errors.SubscriptionError:
                await self.aclose()
                raise
        return self._ready.pop(0)

    async def commit(self, cursor: bytes) -> None:
        """Commits how far the named subscription has come: everything up to this cursor was dealt with.

        A commit whose answer was lost is repeated with the same request id, so that it is done once.
        """
        if self._options.name is None:
            raise ValueError("only a named subscription has a cursor to commit")
        if _position(cursor) > self._up_to:
            raise ValueError("the cursor was not yielded by this subscription")
        request = feed_service_pb2.CommitCursorRequest(
            name=self._options.name,
            cursor=cursor,
            expected_cursor=self._committed or b"",
            request_id=str(uuid.uuid4()),
        )
        for tried in range(1, _COMMIT_TRIES + 1):
            try:
                await self._call("CommitCursor", request)
            except errors.Interruption as cause:
                reason = getattr(cause, "reason", None)
                if reason in ("ETAG_MISMATCH", "CURSOR_BEHIND"):
                    raise errors.CommittedElsewhere("somebody else committed", cause) from cause
                passes = cause.retryable or getattr(cause, "side_effects_unknown", False)
                if not passes or tried == _COMMIT_TRIES:
                    raise errors.Refused("the cursor could not be committed", cause) from cause
                await asyncio.sleep(self._wait(tried, cause))
            else:
                self._committed = cursor
                return

    # One connection.

    async def _receive(self) -> feed_service_pb2.SubscribeResponse | None:
        """The next message; None at the end that was asked for."""
        try:
            if self._stream is None:
                await self._open()
            message = await asyncio.wait_for(self._stream.read(), self._patience)
        except TimeoutError:
            seconds = f"{self._patience:.1f}"
            raise errors.Interruption(f"nothing was received for {seconds} s") from None
        except grpc.aio.AioRpcError as error:
            raise errors.CallError(error) from error
        except asyncio.CancelledError:
            # The stream is cancelled with whoever waited for it, unless it was all that was cancelled.
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            raise errors.Interruption("the stream was cut") from None
        if message is not grpc.aio.EOF:
            return message
        if self._options.stop_at_head and self._up_to >= self._head and self._opened:
            return None
        raise errors.Interruption("the stream ended")

    async def _open(self) -> None:
        self._channel = self._connect()
        stub = feed_service_pb2_grpc.FeedServiceStub(self._channel)
        metadata = await self._metadata()
        if self._options.name is not None and self._committed is None:
            request = feed_service_pb2.GetSubscriptionRequest(name=self._options.name)
            call = stub.GetSubscription(request, metadata=metadata, timeout=self._patience)
            self._committed = (await call).subscription.cursor
            self._up_to = max(self._up_to, _position(self._committed))
        self._stream = stub.Subscribe(self._request(), metadata=metadata)
        self._opened = False

    async def _call(self, method: str, request) -> object:
        channel = self._channel or self._connect()
        try:
            stub = feed_service_pb2_grpc.FeedServiceStub(channel)
            metadata = await self._metadata()
            call = getattr(stub, method)
            return await call(request, metadata=metadata, timeout=self._patience)
        except grpc.aio.AioRpcError as error:
            raise errors.CallError(error) from error
        finally:
            if channel is not self._channel:
                await channel.close()

    async def _metadata(self) -> tuple:
        if self._options.token is None:
            return ()
        try:
            return (("authorization", f"Bearer {await self._options.token(self._renew_token)}"),)
        except Exception as error:
            raise errors.Interruption(f"there is no token: {error}") from error

    def _request(self) -> feed_service_pb2.SubscribeRequest:
        options = self._options
        request = feed_service_pb2.SubscribeRequest(
            stop_at_head=options.stop_at_head,
            max_batch_events=options.batch_events,
            include_snapshot=not self._whole,
            on_expired=options.on_expired,
        )
        if options.filter is not None:
            request.filter.CopyFrom(options.filter)
        if options.progress_interval is not None:
            interval = duration_pb2.Duration()
            interval.FromMilliseconds(round(options.progress_interval * 1000))
            request.progress_interval.CopyFrom(interval)
        start = self._cursor or options.start
        match start:
            case _ if options.name is not None:
                request.subscription = options.name
            case bytes():
                request.after_cursor = start
            case "beginning":
                request.beginning.CopyFrom(empty_pb2.Empty())
            case "end":
                request.end.CopyFrom(empty_pb2.Empty())
            case Since(time):
                since = timestamp_pb2.Timestamp()
                since.FromDatetime(time)
                request.since.CopyFrom(since)
            case Last(count):
                request.last = count
            case _:
                raise ValueError(f"not a start: {start!r}")
        return request

    async def _disconnect(self) -> None:
        stream, self._stream = self._stream, None
        channel, self._channel = self._channel, None
        if stream is not None:
            stream.cancel()
        if channel is not None:
            await channel.close()

    # What comes.

    def _take(self, response: feed_service_pb2.SubscribeResponse) -> None:
        kind = response.WhichOneof("message")
        if kind is None:
            return
        message = getattr(response, kind)
        if kind not in ("opened", "notice"):
            self._tries = 0
        match kind:
            case "opened":
                self._take_opened(message)
            case "batch":
                self._take_batch(message)
            case "snapshot":
                self._ready.append(SnapshotPart(message))
            case "snapshot_end":
                self._whole, self._coming, self._cut_off = True, False, False
                self._come_to(message.cursor, message.position)
                self._ready.append(SnapshotEnd(message.cursor, message.position))
            case "progress" | "caught_up" | "fell_behind":
                self._come_to(message.cursor, message.position)
                self._options.on_sign(message)
            case "notice":
                self._options.on_sign(message)

    def _take_opened(self, opened: feed_service_pb2.Opened) -> None:
        # A feed that was restored or repaired goes on under another identity, and takes a cursor of the
        # one before only where that is its history still.
        if self._identity not in (None, opened.identity) and self._cursor is None:
            known, found = self._identity.hex(), opened.identity.hex()
            raise errors.Foreign(f"the feed has another journal than before: {found}, not {known}")
        self._identity = opened.identity
        interval = opened.progress_interval.ToTimedelta().total_seconds()
        self._patience = _PATIENCE * (interval or _INTERVAL)
        self._head = opened.head_position
        self._renew_token = False
        self._opened = True
        self._options.on_sign(opened)
        resumes = self._cursor is not None or bool(self._committed)
        gap = self._whole and resumes and opened.start_position > self._up_to
        if gap:
            self._ready.append(Gap(self._up_to, opened.start_position))
        expired = gap and opened.start_position <= _position(opened.oldest_cursor)
        if expired and self._options.on_expired == feed_service_pb2.ON_EXPIRED_SNAPSHOT:
            self._whole = False
        if not self._whole:
            self._coming = True
            self._ready.append(SnapshotBegin(again=self._cut_off))
            self._cut_off = True
        self._come_to(opened.start_cursor, opened.start_position)

    def _take_batch(self, batch: feed_service_pb2.Batch) -> None:
        places = [(event.position, event.index) for event in batch.events]
        if places != sorted(set(places)):
            raise errors.BrokenPromise(f"the events of a batch are not in order: {places}")
        events = [event for event in batch.events if event.position > self._up_to]
        if not events:
            return
        position = events[-1].position
        self._come_to(batch.cursor, position)
        self._ready.append(Events(events, batch.cursor, position))

    def _come_to(self, cursor: bytes, position: int) -> None:
        """Everything up to here was yielded. Never back; and nowhere before the present state is whole."""
        if self._whole and (position >= self._up_to or self._cursor is None):
            self._cursor = cursor
            self._up_to = max(self._up_to, position)

    # What goes wrong.

    async def _interrupted(self, cause: errors.Interruption) -> None:
        await self._disconnect()
        if self._coming and self._cursor is not None:
            # The same cursor is too old again, and brings the state again.
            self._whole = True
        self._coming = False
        if isinstance(cause, errors.CallError):
            self._judge(cause)
        self._tries += 1
        tries = self._options.backoff.tries
        if tries is not None and self._tries > tries:
            self._ended = True
            raise errors.GaveUp(f"given up after {tries} tries", cause)
        wait = self._wait(self._tries, cause)
        self._options.on_sign(Interrupted(cause, wait))
        await asyncio.sleep(wait)

    def _judge(self, cause: errors.CallError) -> None:
        if cause.code is grpc.StatusCode.UNAUTHENTICATED and self._options.token is not None:
            if not self._renew_token:
                self._renew_token = True
                return
            self._ended = True
            raise errors.Unauthenticated("the feed does not know who this is", cause)
        fail = self._options.on_expired == feed_service_pb2.ON_EXPIRED_UNSPECIFIED
        error = errors.fatal(cause, fail)
        if error is not None:
            self._ended = True
            raise error

    def _wait(self, tries: int, cause: errors.Interruption) -> float:
        backoff = self._options.backoff
        ceiling = min(backoff.first * 2 ** min(tries - 1, 30), backoff.most)
        asked_for = min(cause.retry_after or 0.0, _RETRY_AFTER_MOST)
        return max(random.uniform(0.0, ceiling), asked_for)


def _position(cursor: bytes) -> int:
    """Position of a cursor; 0 for what is none."""
    return int.from_bytes(cursor[17:25]) if len(cursor) == 25 and cursor[0] == 1 else 0


def _target(
    url: str, credentials: grpc.ChannelCredentials | None
) -> Callable[[], grpc.aio.Channel]:
    """How to connect: anew each time, so that nothing of a dead connection is used again."""
    scheme, _, authority = url.rstrip("/").partition("://")
    if scheme not in ("http", "https") or not authority:
        raise ValueError(f"not the URL of a feed: {url!r}")
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ]
    if scheme == "http":
        return lambda: grpc.aio.insecure_channel(authority, options)
    secure = credentials or grpc.ssl_channel_credentials()
    return lambda: grpc.aio.secure_channel(authority, secure, options)
