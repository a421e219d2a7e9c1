/**
 * The subscription behind the chaos front: whatever goes wrong, it has every event once and in order; and
 * what no client can heal is told by its name.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { Code } from "@connectrpc/connect";

import { FaultKind } from "../gen/hansa/chaos/v1/chaos_service_pb.js";
import { EventKind } from "../gen/hansa/feed/v1/event_pb.js";
import { NoticeKind } from "../gen/hansa/feed/v1/feed_service_pb.js";
import { NetworkKind } from "../gen/hansa/registry/v1/network_pb.js";
import {
  CallError,
  type Gap,
  type Item,
  type Options,
  type Sign,
  subscribe,
  type Subscription,
  SubscriptionError,
} from "../src/index.js";
import { World } from "./harness.js";

const EVENTS = 90;
const SEEDS = 10;
const ALL = Array.from({ length: EVENTS }, (_, index) => BigInt(index + 1));
const timeout = 120_000;

let world: World;
let signs: Sign[] = [];

before(async () => {
  world = await World.start();
  await world.recordMembers(ALL.map((number) => `member-${number}`));
});
after(() => world.stop());
beforeEach(async () => {
  await world.plan();
  signs = [];
});

/** From the beginning, in small batches, with the shortest silence, soon back. */
function small(options: Options = {}): Subscription {
  const onSign = (sign: Sign) => signs.push(sign);
  const backoff = { first: 20, most: 100 };
  const usual = { progressInterval: 1_000, batchEvents: 4, backoff, onSign };
  return subscribe(world.feed, { ...usual, ...options });
}

/** Positions of so many events. The subscription goes on. */
async function read(subscription: Subscription, count = EVENTS): Promise<bigint[]> {
  const positions: bigint[] = [];
  while (positions.length < count) {
    const item = await next(subscription);
    assert.equal(item.kind, "events");
    if (item.kind === "events") positions.push(...item.events.map((event) => event.position));
  }
  return positions;
}

async function next(subscription: Subscription): Promise<Item> {
  const { value } = await subscription.next();
  assert.ok(value, "it has no end");
  return value;
}

/** What follows the events that came before a gap. A cut may take what had come and was not read. */
async function readToGap(subscription: Subscription): Promise<Gap> {
  let last = 0n;
  let item = await next(subscription);
  for (; item.kind === "events"; item = await next(subscription)) last = item.position;
  if (item.kind !== "gap") throw new TypeError(`a gap, not ${item.kind}`);
  assert.equal(item.after, last);
  return item;
}

/** How it ends. */
async function end(subscription: Subscription): Promise<SubscriptionError> {
  const error: unknown = await read(subscription).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(error instanceof SubscriptionError, String(error));
  assert.deepEqual(await subscription.next(), { done: true, value: undefined });
  return error;
}

function interruptions() {
  return signs.filter((sign) => sign.kind === "interrupted");
}

test("whatever a seed plans, every event comes once and in order", { timeout }, async () => {
  const drawn = new Set<FaultKind>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const planned = await world.plan({ seed: BigInt(seed), faults: 12, every: 6 });
    assert.equal(planned.length, 12);
    for (const { kind } of planned) drawn.add(kind);
    signs = [];
    const subscription = small();
    assert.deepEqual(await read(subscription), ALL, `seed ${seed}`);
    subscription.close();
    assert.deepEqual(await world.unfired(), [], `seed ${seed}: planned, and did not happen`);
    const cuts = planned.filter(({ kind }) => kind !== FaultKind.DELAY);
    assert.ok(interruptions().length >= cuts.length, `seed ${seed}`);
  }
  const fatal = [FaultKind.UNSPECIFIED, FaultKind.NEW_IDENTITY, FaultKind.EXPIRE_CURSORS];
  const kinds = Object.values(FaultKind).filter((kind) => typeof kind === "number");
  const survivable = kinds.filter((kind) => !fatal.includes(kind));
  assert.deepEqual([...drawn].sort(byNumber), survivable.sort(byNumber), "a kind is left out");
});

const byNumber = (left: number, right: number) => left - right;

test("silence is death", { timeout }, async () => {
  await world.apply(FaultKind.PAUSE, { afterEvents: 10 });
  const subscription = small();
  assert.deepEqual(await read(subscription), ALL);
  subscription.close();
  const causes = interruptions().map(({ cause }) => cause.message);
  assert.deepEqual(causes, ["nothing was received for 2.5 s"]);
  assert.deepEqual(await world.unfired(), []);
});

test("a drain is announced", { timeout }, async () => {
  await world.apply(FaultKind.DRAIN, { afterEvents: 10 });
  const subscription = small();
  assert.deepEqual(await read(subscription), ALL);
  subscription.close();
  const notices = signs.filter((sign) => sign.kind === "notice");
  assert.deepEqual(notices.map(({ value }) => value.kind), [NoticeKind.DRAINING]);
  const [interrupted] = interruptions();
  assert.ok(interrupted?.cause instanceof CallError);
  assert.equal(interrupted.cause.reason, "NOT_SERVING");
});

test("it comes back no sooner than it is asked to", { timeout }, async () => {
  const retryAfter = { seconds: 0n, nanos: 300_000_000 };
  await world.apply(FaultKind.REFUSE, { afterEvents: 10, times: 3, retryAfter });
  const subscription = small();
  assert.deepEqual(await read(subscription), ALL);
  subscription.close();
  assert.equal(interruptions().length, 3);
  for (const { cause, retryIn } of interruptions()) {
    assert.ok(cause instanceof CallError);
    assert.equal(cause.code, Code.ResourceExhausted);
    assert.equal(cause.retryAfter, 300);
    assert.ok(retryIn >= 300);
  }
});

test("another identity ends it", { timeout }, async () => {
  await world.apply(FaultKind.NEW_IDENTITY, { afterEvents: 10 });
  const error = await end(small());
  assert.equal(error.why, "foreign");
  assert.ok(error.cause instanceof CallError);
  assert.equal(error.cause.reason, "CURSOR_FOREIGN");
  assert.deepEqual(await world.unfired(), []);
  const anew = small();
  assert.deepEqual(await read(anew), ALL);
  anew.close();
});

test("an expired cursor ends it", { timeout }, async () => {
  await world.apply(FaultKind.EXPIRE_CURSORS, { afterEvents: 10 });
  const error = await end(small());
  assert.equal(error.why, "expired");
  assert.ok(error.cause instanceof CallError);
  assert.equal(error.cause.reason, "CURSOR_EXPIRED");
  assert.deepEqual(await world.unfired(), []);
});

test("after an expired cursor it goes on with the oldest kept", { timeout }, async () => {
  const number = await world.apply(FaultKind.EXPIRE_CURSORS, { afterEvents: 10 });
  const { headPosition } = await world.events.getFeedStatus({});
  const subscription = small({ onExpired: "fromOldest" });
  assert.equal((await readToGap(subscription)).upTo, headPosition);
  subscription.close();
  await world.fired(number);
});

test("after an expired cursor it goes on with the present state", { timeout }, async () => {
  await world.apply(FaultKind.EXPIRE_CURSORS, { afterEvents: 10 });
  const subscription = small({ onExpired: "snapshot" });
  await readToGap(subscription);
  assert.deepEqual(await next(subscription), { kind: "snapshotBegin", again: false });
  const members = new Set<string>();
  let item = await next(subscription);
  for (; item.kind === "snapshotPart"; item = await next(subscription)) {
    for (const member of item.state.members) members.add(member.name);
  }
  assert.equal(item.kind, "snapshotEnd");
  assert.ok(members.has("members/member-90"));
  subscription.close();
  assert.deepEqual(await world.unfired(), []);
});

test("a cursor is committed once, also when the answer is lost", { timeout }, async () => {
  const name = "subscriptions/a-reader";
  await world.events.createSubscription({ subscription: { name } });
  const subscription = small({ name });
  await read(subscription, 12);
  const method = "hansa.feed.v1.FeedService/CommitCursor";
  await world.apply(FaultKind.UNAVAILABLE, { method });
  await world.apply(FaultKind.RESET, { method });
  assert.ok(subscription.cursor);
  await subscription.commit(subscription.cursor);
  subscription.close();
  assert.deepEqual(await world.unfired(), []);
  assert.equal((await world.events.getSubscription({ name })).subscription?.position, 12n);

  // The next one goes on there, through a cut; whoever is behind is told.
  const again = small({ name });
  await world.apply(FaultKind.RESET, { afterEvents: 10 });
  assert.equal((await read(again, 20))[0], 13n);
  const other = small({ name });
  await read(other, 4);
  assert.ok(again.cursor && other.cursor);
  await again.commit(again.cursor);
  const behind = { name: "SubscriptionError", why: "committedElsewhere" };
  await assert.rejects(other.commit(other.cursor), behind);
  again.close();
  other.close();
});

test("an end without trailers is not the head", { timeout }, async () => {
  await world.apply(FaultKind.HALF_CLOSE, { afterEvents: 10 });
  const positions: bigint[] = [];
  for await (const item of small({ stopAtHead: true })) {
    assert.equal(item.kind, "events");
    if (item.kind === "events") positions.push(...item.events.map((event) => event.position));
  }
  assert.deepEqual(positions.slice(0, EVENTS), ALL);
  assert.deepEqual(await world.unfired(), []);
});

test("what another try cannot heal ends it", { timeout }, async () => {
  const error = await end(small({ start: new TextEncoder().encode("not a cursor") }));
  assert.equal(error.why, "refused");
  assert.ok(error.cause instanceof CallError);
  assert.equal(error.cause.code, Code.InvalidArgument);
});

test("tokens are asked for with each connection", { timeout }, async () => {
  const asked: boolean[] = [];
  const token = async (refused: boolean) => {
    asked.push(refused);
    if (asked.length === 2) throw new Error("the vault is closed");
    return "a-token";
  };
  await world.apply(FaultKind.GO_AWAY, { afterEvents: 10 });
  const subscription = small({ token });
  assert.deepEqual(await read(subscription), ALL);
  subscription.close();
  assert.deepEqual(asked, [false, false, false]);
  assert.match(interruptions()[1]?.cause.message ?? "", /the vault is closed/);
});

test("it gives up when it is told to", { timeout }, async () => {
  await world.apply(FaultKind.UNAVAILABLE, { times: 10 });
  const error = await end(small({ backoff: { first: 10, tries: 2 } }));
  assert.equal(error.why, "gaveUp");
});

test("a subscription that waits can be closed", { timeout }, async () => {
  const subscription = small({ start: "end" });
  const waiting = subscription.next();
  subscription.close();
  assert.deepEqual(await waiting, { done: true, value: undefined });
});

test("a join comes as it was recorded", { timeout }, async () => {
  const network = {
    name: "networks/hanseatic-league",
    names: [{ text: "Hanseatic League", language: "en" }],
    kind: NetworkKind.CITY_NETWORK,
  };
  await world.registry.createNetwork({ network });
  const { position } = await world.registry.joinNetwork({
    network: network.name,
    member: "members/member-1",
    occurredAt: { year: 1358 },
  });
  const subscription = small({ filter: { kinds: [EventKind.JOINED] } });
  const item = await next(subscription);
  subscription.close();
  assert.equal(item.kind, "events");
  const event = item.kind === "events" ? item.events[0] : undefined;
  assert.deepEqual(event?.members, ["members/member-1"]);
  assert.equal(event?.registryPosition, position);
  assert.equal(event?.occurredAt?.year, 1358);
});
