/** A subscription that resumes by itself. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, EmptySchema, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";

import type { FilterSchema } from "../gen/hansa/feed/v1/event_pb.js";
import {
  type Batch,
  OnExpired,
  type Opened,
  SubscribeRequestSchema,
  type SubscribeRequest,
  type SubscribeResponse,
} from "../gen/hansa/feed/v1/feed_service_pb.js";
import { Connection, within } from "./connection.js";
import { CallError, fatal, Interruption, SubscriptionError } from "./errors.js";
import type { Item, Sign } from "./items.js";

/** A stream that is silent for so many intervals is dead. */
const PATIENCE = 2.5;
const INTERVAL = 15_000;
const RETRY_AFTER_MOST = 60_000;
const COMMIT_TRIES = 5;
const CURSOR_BYTES = 25;

/** Before the first event, after the last, after a cursor, from a time on, or the last so many. */
export type Start = "beginning" | "end" | Uint8Array | { since: Date } | { last: number };

/** How to wait between tries: from zero to a ceiling that doubles. In milliseconds. */
export interface Backoff {
  /** 100 by default. */
  first?: number;
  /** 5,000 by default. */
  most?: number;
  /** Tries in a row that come to nothing before it is given up. By default never. */
  tries?: number;
}

export interface Options {
  /** By default the beginning. */
  start?: Start;
  /** A named subscription, `subscriptions/{id}`: its committed cursor is the start, its filter the filter. */
  name?: string;
  /** Which events. By default all. */
  filter?: MessageInitShape<typeof FilterSchema>;
  /** Send the present state first; only with "beginning", which then means the state, or "end". */
  snapshot?: boolean;
  /** How to go on when nothing as old as the cursor is kept. By default it fails. */
  onExpired?: "fail" | "fromOldest" | "snapshot";
  /** End at the head as it is when the stream opens, or opens again. */
  stopAtHead?: boolean;
  /** The longest silence asked for, 1,000 to 60,000 ms. By default what the feed chooses. */
  progressInterval?: number;
  /** Most events in one item; a commit with more still comes whole. */
  batchEvents?: number;
  /** Gives a bearer token for each connection; asked with true when the feed refused the last one. */
  token?: (refused: boolean) => Promise<string>;
  backoff?: Backoff;
  /** Told what happens beside the items. */
  onSign?: (sign: Sign) => void;
}

/** A subscription to the feed at a URL. Nothing is sent before its first item is asked for. */
export function subscribe(url: string, options: Options = {}): Subscription {
  return new Subscription(url, options);
}

/** Whole commits, each item with its cursor. Leaving a `for await` loop ends it. */
export class Subscription implements AsyncIterableIterator<Item> {
  readonly #url: string;
  readonly #options: Options;
  #cursor: Uint8Array | undefined;
  #upTo = 0n;
  #identity: string | undefined;
  #whole: boolean;
  #coming = false;
  #cutOff = false;
  #patience: number;
  #head = 0n;
  #opened = false;
  #renewToken = false;
  #tries = 0;
  #connection: Connection | undefined;
  #committed: Uint8Array | undefined;
  #ended = false;
  readonly #stop = new AbortController();
  readonly #ready: Item[] = [];

  constructor(url: string, options: Options) {
    this.#url = url;
    this.#options = options;
    this.#whole = !options.snapshot;
    this.#patience = PATIENCE * (options.progressInterval ?? INTERVAL);
    if (options.start instanceof Uint8Array) {
      this.#cursor = options.start;
      this.#upTo = position(options.start);
      this.#identity = hex(options.start.subarray(1, 17));
    }
  }

  /**
   * After everything that was yielded, and perhaps after what did not match. Undefined before the first
   * opening, and before the present state is whole.
   */
  get cursor(): Uint8Array | undefined {
    return this.#cursor;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Item, undefined>> {
    for (;;) {
      const item = this.#ready.shift();
      if (item) return { done: false, value: item };
      if (this.#ended) return { done: true, value: undefined };
      try {
        const message = await this.#receive();
        if (message) this.#take(message);
        else this.close();
      } catch (error) {
        if (this.#ended) continue;
        if (error instanceof Interruption) await this.#interrupted(error);
        else throw this.#end(error);
      }
    }
  }

  async return(): Promise<IteratorResult<Item, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  /** Ends it, also while the next item is waited for. */
  close(): void {
    this.#ended = true;
    this.#stop.abort();
    this.#disconnect();
  }

  /**
   * Commits how far the named subscription has come: everything up to this cursor was dealt with. A commit
   * whose answer was lost is repeated with the same request id, so that it is done once.
   */
  async commit(cursor: Uint8Array): Promise<void> {
    const name = this.#options.name;
    if (!name) throw new TypeError("only a named subscription has a cursor to commit");
    if (position(cursor) > this.#upTo) throw new RangeError("the cursor was not yielded");
    const expectedCursor = this.#committed ?? new Uint8Array();
    const request = { name, cursor, expectedCursor, requestId: randomUUID() };
    for (let tried = 1; ; tried++) {
      const connection = this.#connection ?? new Connection(this.#url);
      try {
        const headers = await this.#headers();
        await within(connection.client.commitCursor(request, { headers }), this.#patience);
        this.#committed = cursor;
        return;
      } catch (cause) {
        if (!(cause instanceof Interruption)) throw cause;
        const call = cause instanceof CallError ? cause : undefined;
        if (call?.reason === "ETAG_MISMATCH" || call?.reason === "CURSOR_BEHIND") {
          throw new SubscriptionError("committedElsewhere", "somebody else committed", call);
        }
        const passes = cause.retryable || call?.sideEffectsUnknown;
        if (!passes || tried === COMMIT_TRIES) {
          throw new SubscriptionError("refused", "the cursor could not be committed", cause);
        }
        await sleep(this.#wait(tried, cause));
      } finally {
        if (connection !== this.#connection) connection.close();
      }
    }
  }

  // One connection.

  /** The next message; undefined at the end that was asked for. */
  async #receive(): Promise<SubscribeResponse | undefined> {
    const connection = this.#connection ?? (await this.#open());
    const message = await connection.message(this.#patience);
    if (message) return message;
    if (this.#options.stopAtHead && this.#opened && this.#upTo >= this.#head) return undefined;
    throw new Interruption("the stream ended");
  }

  async #open(): Promise<Connection> {
    const headers = await this.#headers();
    const connection = new Connection(this.#url);
    this.#connection = connection;
    this.#opened = false;
    const name = this.#options.name;
    if (name && !this.#committed) {
      const asked = connection.client.getSubscription({ name }, { headers });
      const { subscription } = await within(asked, this.#patience);
      this.#committed = subscription?.cursor ?? new Uint8Array();
      this.#upTo = max(this.#upTo, position(this.#committed));
    }
    connection.subscribe(this.#request(), headers);
    return connection;
  }

  async #headers(): Promise<Record<string, string>> {
    const { token } = this.#options;
    if (!token) return {};
    try {
      return { authorization: `Bearer ${await token(this.#renewToken)}` };
    } catch (error) {
      throw new Interruption(`there is no token: ${String(error)}`, { cause: error });
    }
  }

  #request(): SubscribeRequest {
    const { filter, stopAtHead, progressInterval, batchEvents, onExpired } = this.#options;
    return create(SubscribeRequestSchema, {
      start: this.#start(),
      ...(filter && { filter }),
      stopAtHead: stopAtHead ?? false,
      ...(progressInterval && { progressInterval: durationFromMs(progressInterval) }),
      maxBatchEvents: batchEvents ?? 0,
      includeSnapshot: !this.#whole,
      onExpired: {
        fail: OnExpired.UNSPECIFIED,
        fromOldest: OnExpired.FROM_OLDEST,
        snapshot: OnExpired.SNAPSHOT,
      }[onExpired ?? "fail"],
    });
  }

  #start(): SubscribeRequest["start"] {
    if (this.#options.name) return { case: "subscription", value: this.#options.name };
    const start = this.#cursor ?? this.#options.start ?? "beginning";
    if (start === "beginning" || start === "end") return { case: start, value: create(EmptySchema) };
    if (start instanceof Uint8Array) return { case: "afterCursor", value: start };
    if ("last" in start) return { case: "last", value: start.last };
    return { case: "since", value: timestampFromDate(start.since) };
  }

  #disconnect(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  // What comes.

  #take({ message }: SubscribeResponse): void {
    if (message.case === undefined) return;
    if (message.case !== "opened" && message.case !== "notice") this.#tries = 0;
    switch (message.case) {
      case "opened":
        return this.#takeOpened(message.value);
      case "batch":
        return this.#takeBatch(message.value);
      case "snapshot":
        this.#ready.push({ kind: "snapshotPart", state: message.value });
        return;
      case "snapshotEnd": {
        const { cursor, position } = message.value;
        this.#whole = true;
        this.#coming = this.#cutOff = false;
        this.#comeTo(cursor, position);
        this.#ready.push({ kind: "snapshotEnd", cursor, position });
        return;
      }
      case "notice":
        this.#sign({ kind: "notice", value: message.value });
        return;
      default:
        this.#comeTo(message.value.cursor, message.value.position);
        this.#sign({ kind: message.case, value: message.value } as Sign);
    }
  }

  #takeOpened(opened: Opened): void {
    const found = hex(opened.identity);
    // A feed that was restored or repaired goes on under another identity, and takes a cursor of the one
    // before only where that is its history still.
    if (this.#identity !== undefined && this.#identity !== found && !this.#cursor) {
      const message = `the feed has another journal than before: ${found}, not ${this.#identity}`;
      throw new SubscriptionError("foreign", message);
    }
    this.#identity = found;
    const interval = opened.progressInterval && durationMs(opened.progressInterval);
    this.#patience = PATIENCE * (interval || INTERVAL);
    this.#head = opened.headPosition;
    this.#renewToken = false;
    this.#opened = true;
    this.#sign({ kind: "opened", value: opened });
    const resumes = this.#cursor !== undefined || Boolean(this.#committed?.length);
    const gap = this.#whole && resumes && opened.startPosition > this.#upTo;
    if (gap) this.#ready.push({ kind: "gap", after: this.#upTo, upTo: opened.startPosition });
    const expired = gap && opened.startPosition <= position(opened.oldestCursor);
    if (expired && this.#options.onExpired === "snapshot") this.#whole = false;
    if (!this.#whole) {
      this.#coming = true;
      this.#ready.push({ kind: "snapshotBegin", again: this.#cutOff });
      this.#cutOff = true;
    }
    this.#comeTo(opened.startCursor, opened.startPosition);
  }

  #takeBatch({ events, cursor }: Batch): void {
    for (const [index, event] of events.entries()) {
      const before = events[index - 1];
      const follows =
        !before ||
        before.position < event.position ||
        (before.position === event.position && before.index < event.index);
      if (!follows) {
        throw new SubscriptionError("brokenPromise", `${event.name} is out of order in its batch`);
      }
    }
    const added = events.filter((event) => event.position > this.#upTo);
    const last = added.at(-1);
    if (!last) return;
    this.#comeTo(cursor, last.position);
    this.#ready.push({ kind: "events", events: added, cursor, position: last.position });
  }

  /** Everything up to here was yielded. Never back; and nowhere before the present state is whole. */
  #comeTo(cursor: Uint8Array, position: bigint): void {
    if (this.#whole && (position >= this.#upTo || !this.#cursor)) {
      this.#cursor = cursor;
      this.#upTo = max(this.#upTo, position);
    }
  }

  #sign(sign: Sign): void {
    this.#options.onSign?.(sign);
  }

  // What goes wrong.

  async #interrupted(cause: Interruption): Promise<void> {
    this.#disconnect();
    // The same cursor is too old again, and brings the state again.
    if (this.#coming && this.#cursor) this.#whole = true;
    this.#coming = false;
    if (cause instanceof CallError) this.#judge(cause);
    this.#tries += 1;
    const tries = this.#options.backoff?.tries;
    if (tries !== undefined && this.#tries > tries) {
      throw this.#end(new SubscriptionError("gaveUp", `given up after ${tries} tries`, cause));
    }
    const retryIn = this.#wait(this.#tries, cause);
    this.#sign({ kind: "interrupted", cause, retryIn });
    // Woken up by `close`.
    await sleep(retryIn, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  #judge(cause: CallError): void {
    if (cause.code === Code.Unauthenticated && this.#options.token) {
      if (!this.#renewToken) {
        this.#renewToken = true;
        return;
      }
      const message = "the feed does not know who this is";
      throw this.#end(new SubscriptionError("unauthenticated", message, cause));
    }
    const error = fatal(cause, (this.#options.onExpired ?? "fail") === "fail");
    if (error) throw this.#end(error);
  }

  #end(error: unknown): unknown {
    this.close();
    return error;
  }

  #wait(tries: number, cause: Interruption): number {
    const { first = 100, most = 5_000 } = this.#options.backoff ?? {};
    const ceiling = Math.min(first * 2 ** Math.min(tries - 1, 30), most);
    const askedFor = Math.min(cause.retryAfter ?? 0, RETRY_AFTER_MOST);
    return Math.max(Math.random() * ceiling, askedFor);
  }
}

/** Position of a cursor; 0 for what is none. */
function position(cursor: Uint8Array): bigint {
  if (cursor.length !== CURSOR_BYTES || cursor[0] !== 1) return 0n;
  return new DataView(cursor.buffer, cursor.byteOffset).getBigUint64(17);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function max(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
