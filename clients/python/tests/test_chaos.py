"""The subscription behind the chaos front: whatever goes wrong, it has every event once and in order; and
what no client can heal is told by its name."""

import asyncio
import functools
import unittest

import grpc
import hansa_feed
from hansa.chaos.v1 import chaos_service_pb2 as chaos
from hansa.common.v1 import common_pb2
from hansa.feed.v1 import event_pb2, feed_service_pb2
from hansa.registry.v1 import network_pb2, registry_service_pb2
import harness

EVENTS = 90
SEEDS = range(1, 11)
PATIENCE = 120

#: grpcio keeps to the first loop that it meets.
RUNNER = asyncio.Runner()


def on_the_loop(test):
    """Runs a test on the one loop."""
    return functools.wraps(test)(lambda self: RUNNER.run(test(self)))


class Behind(unittest.TestCase):
    """One world for all tests, in which 90 members were recorded; the front is set anew for each."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.world = cls.enterClassContext(harness.running())
        cls.addClassCleanup(cls.world.close)
        cls.world.record_members(f"member-{number}" for number in range(1, EVENTS + 1))

    def setUp(self) -> None:
        self.world.plan()
        self.signs = []

    def subscribe(self, **options) -> hansa_feed.Subscription:
        """From the beginning, in small batches, with the shortest silence, soon back."""
        small = {"progress_interval": 1.0, "batch_events": 4, "on_sign": self.signs.append}
        small["backoff"] = hansa_feed.Backoff(first=0.02, most=0.1)
        return hansa_feed.subscribe(self.world.feed, **{**small, **options})

    def interruptions(self) -> list:
        return [sign for sign in self.signs if isinstance(sign, hansa_feed.Interrupted)]

    async def read(self, subscription, count=EVENTS) -> list:
        """Positions of so many events."""
        positions = []
        async with asyncio.timeout(PATIENCE):
            while len(positions) < count:
                item = await anext(subscription)
                self.assertIsInstance(item, hansa_feed.Events)
                self.assertEqual(item.position, item.events[-1].position)
                positions += [event.position for event in item.events]
        return positions

    async def read_to_gap(self, subscription) -> hansa_feed.Gap:
        """What follows the events that came before a gap. A cut may take what had come and was not read."""
        last = 0
        async with asyncio.timeout(PATIENCE):
            while isinstance(item := await anext(subscription), hansa_feed.Events):
                last = item.position
        self.assertIsInstance(item, hansa_feed.Gap)
        self.assertEqual(item.after, last)
        return item

    @on_the_loop
    async def test_whatever_a_seed_plans_every_event_comes_once_and_in_order(self) -> None:
        drawn = set()
        for seed in SEEDS:
            with self.subTest(seed=seed):
                planned = self.world.plan(seed=seed, faults=12, every=6)
                self.assertEqual(len(planned), 12)
                drawn |= {fault.kind for fault in planned}
                self.signs.clear()
                async with self.subscribe() as subscription:
                    self.assertEqual(await self.read(subscription), list(range(1, EVENTS + 1)))
                self.assertEqual(self.world.unfired(), [], "planned, and did not happen")
                cuts = [fault for fault in planned if fault.kind != chaos.FAULT_KIND_DELAY]
                self.assertGreaterEqual(len(self.interruptions()), len(cuts))
        fatal = {chaos.FAULT_KIND_NEW_IDENTITY, chaos.FAULT_KIND_EXPIRE_CURSORS}
        survivable = set(chaos.FaultKind.values()) - fatal - {chaos.FAULT_KIND_UNSPECIFIED}
        self.assertEqual(drawn, survivable, "the seeds leave a kind out")

    @on_the_loop
    async def test_silence_is_death(self) -> None:
        self.world.apply("pause", after_events=10)
        async with self.subscribe() as subscription:
            await self.read(subscription)
        causes = [str(sign.cause) for sign in self.interruptions()]
        self.assertEqual(causes, ["nothing was received for 2.5 s"])
        self.assertEqual(self.world.unfired(), [])

    @on_the_loop
    async def test_a_drain_is_announced(self) -> None:
        self.world.apply("drain", after_events=10)
        async with self.subscribe() as subscription:
            await self.read(subscription)
        notices = [s for s in self.signs if isinstance(s, feed_service_pb2.Notice)]
        self.assertEqual([n.kind for n in notices], [feed_service_pb2.NOTICE_KIND_DRAINING])
        [interrupted] = self.interruptions()
        self.assertEqual(interrupted.cause.reason, "NOT_SERVING")

    @on_the_loop
    async def test_it_comes_back_no_sooner_than_it_is_asked_to(self) -> None:
        retry_after = {"nanos": 300_000_000}
        self.world.apply("refuse", after_events=10, times=3, retry_after=retry_after)
        async with self.subscribe() as subscription:
            await self.read(subscription)
        self.assertEqual(len(self.interruptions()), 3)
        for interrupted in self.interruptions():
            self.assertEqual(interrupted.cause.code, grpc.StatusCode.RESOURCE_EXHAUSTED)
            self.assertEqual(interrupted.cause.retry_after, 0.3)
            self.assertGreaterEqual(interrupted.retry_in, 0.3)

    @on_the_loop
    async def test_another_identity_ends_it(self) -> None:
        self.world.apply("new_identity", after_events=10)
        async with self.subscribe() as subscription:
            with self.assertRaises(hansa_feed.Foreign) as raised:
                await self.read(subscription)
        self.assertEqual(raised.exception.cause.reason, "CURSOR_FOREIGN")
        self.assertEqual(self.world.unfired(), [])
        async with self.subscribe() as anew:
            self.assertEqual(await self.read(anew), list(range(1, EVENTS + 1)))

    @on_the_loop
    async def test_an_expired_cursor_ends_it(self) -> None:
        self.world.apply("expire_cursors", after_events=10)
        async with self.subscribe() as subscription:
            with self.assertRaises(hansa_feed.Expired) as raised:
                await self.read(subscription)
        self.assertEqual(raised.exception.cause.reason, "CURSOR_EXPIRED")
        self.assertEqual(self.world.unfired(), [])

    @on_the_loop
    async def test_after_an_expired_cursor_it_goes_on_with_the_oldest_kept(self) -> None:
        number = self.world.apply("expire_cursors", after_events=10)
        head = self.world.events.GetFeedStatus(feed_service_pb2.GetFeedStatusRequest())
        async with self.subscribe(on_expired="from_oldest") as subscription:
            gap = await self.read_to_gap(subscription)
        self.assertEqual(gap.up_to, head.head_position)
        self.world.fired(number)

    @on_the_loop
    async def test_after_an_expired_cursor_it_goes_on_with_the_present_state(self) -> None:
        self.world.apply("expire_cursors", after_events=10)
        members = []
        async with self.subscribe(on_expired="snapshot") as subscription:
            await self.read_to_gap(subscription)
            async with asyncio.timeout(PATIENCE):
                self.assertEqual(await anext(subscription), hansa_feed.SnapshotBegin(False))
                while isinstance(item := await anext(subscription), hansa_feed.SnapshotPart):
                    members += [member.name for member in item.state.members]
        self.assertIsInstance(item, hansa_feed.SnapshotEnd)
        self.assertEqual(item.cursor, subscription.cursor)
        self.assertIn("members/member-90", members)
        self.assertEqual(self.world.unfired(), [])

    @on_the_loop
    async def test_a_cursor_is_committed_once_also_when_the_answer_is_lost(self) -> None:
        name = "subscriptions/a-reader"
        named = feed_service_pb2.Subscription(name=name)
        self.world.events.CreateSubscription(
            feed_service_pb2.CreateSubscriptionRequest(subscription=named)
        )
        async with self.subscribe(name=name) as subscription:
            await self.read(subscription, 12)
            commit = "hansa.feed.v1.FeedService/CommitCursor"
            self.world.apply("unavailable", method=commit)
            self.world.apply("reset", method=commit)
            async with asyncio.timeout(PATIENCE):
                await subscription.commit(subscription.cursor)
        self.assertEqual(self.world.unfired(), [])
        request = feed_service_pb2.GetSubscriptionRequest(name=name)
        self.assertEqual(self.world.events.GetSubscription(request).subscription.position, 12)
        # The next one goes on there, through a cut; whoever is behind is told.
        async with self.subscribe(name=name) as again:
            self.world.apply("reset", after_events=10)
            self.assertEqual((await self.read(again, 20))[0], 13)
            async with self.subscribe(name=name) as other:
                await self.read(other, 4)
                await again.commit(again.cursor)
                with self.assertRaises(hansa_feed.CommittedElsewhere):
                    await other.commit(other.cursor)

    @on_the_loop
    async def test_an_end_without_trailers_is_not_the_head(self) -> None:
        self.world.apply("half_close", after_events=10)
        async with self.subscribe(stop_at_head=True) as subscription:
            async with asyncio.timeout(PATIENCE):
                items = [item async for item in subscription]
        read = [event.position for item in items for event in item.events]
        self.assertEqual(read[:EVENTS], list(range(1, EVENTS + 1)))
        self.assertEqual(self.world.unfired(), [])

    @on_the_loop
    async def test_what_another_try_cannot_heal_ends_it(self) -> None:
        async with self.subscribe(start=b"not a cursor") as subscription:
            with self.assertRaises(hansa_feed.Refused) as raised:
                await self.read(subscription)
        self.assertEqual(raised.exception.cause.code, grpc.StatusCode.INVALID_ARGUMENT)

    @on_the_loop
    async def test_tokens_are_asked_for_with_each_connection(self) -> None:
        asked = []

        async def token(refused: bool) -> str:
            asked.append(refused)
            if len(asked) == 2:
                raise OSError("the vault is closed")
            return "a-token"

        self.world.apply("go_away", after_events=10)
        async with self.subscribe(token=token) as subscription:
            await self.read(subscription)
        self.assertEqual(asked, [False, False, False])
        self.assertIn("the vault is closed", str(self.interruptions()[1].cause))

    @on_the_loop
    async def test_it_gives_up_when_it_is_told_to(self) -> None:
        self.world.apply("unavailable", times=10)
        backoff = hansa_feed.Backoff(first=0.01, tries=2)
        async with self.subscribe(backoff=backoff) as subscription:
            with self.assertRaises(hansa_feed.GaveUp):
                await self.read(subscription)

    @on_the_loop
    async def test_a_join_comes_as_it_was_recorded(self) -> None:
        registry = self.world.registry
        calls = registry_service_pb2
        network = network_pb2.Network(
            name="networks/hanseatic-league",
            names=[common_pb2.Name(text="Hanseatic League", language="en")],
            kind=network_pb2.NETWORK_KIND_CITY_NETWORK,
        )
        registry.CreateNetwork(calls.CreateNetworkRequest(network=network))
        joined = event_pb2.Filter(kinds=[event_pb2.EVENT_KIND_JOINED])
        async with self.subscribe(filter=joined) as subscription:
            join = calls.JoinNetworkRequest(
                network="networks/hanseatic-league",
                member="members/member-1",
                occurred_at=common_pb2.PartialDate(year=1358),
            )
            position = registry.JoinNetwork(join).position
            async with asyncio.timeout(PATIENCE):
                [event] = (await anext(subscription)).events
        self.assertEqual(event.members, ["members/member-1"])
        self.assertEqual(event.registry_position, position)
        self.assertEqual(event.occurred_at.year, 1358)


if __name__ == "__main__":
    unittest.main()
