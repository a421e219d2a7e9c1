/**
 * What interrupts a subscription, and what ends it.
 *
 * | what happens | what the subscription does |
 * | --- | --- |
 * | UNAVAILABLE, a broken connection, a stream that ends although it has no end | waits and resumes |
 * | nothing received for 2.5 times the interval that the feed announced | resumes |
 * | a status that says `retryable` | resumes, not before the time it names |
 * | UNAUTHENTICATED | asks for another token, once; a second time in a row: `unauthenticated` |
 * | CURSOR_EXPIRED | `expired`, unless `onExpired` says how to go on: then a gap is yielded |
 * | CURSOR_FOREIGN, or another identity before there is a cursor | `foreign` |
 * | CURSOR_IN_FUTURE | `inFuture` |
 * | any other status | `refused` |
 * | more tries in a row than `backoff.tries` | `gaveUp` |
 */
import { fromBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";

import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.js";

/** A status without details was made by the transport, here or in between. */
const OF_THE_TRANSPORT: ReadonlySet<Code> = new Set([
  Code.Aborted,
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.Internal,
  Code.Unavailable,
  Code.Unknown,
]);

/** Why a connection was lost, or could not be had. */
export class Interruption extends Error {
  override name = "Interruption";
  retryable = true;
  /** When to come back, in milliseconds. */
  retryAfter: number | undefined = undefined;
}

/** A call that failed, and what its status says. */
export class CallError extends Interruption {
  override name = "CallError";
  readonly code: Code;
  /** `ErrorInfo.reason`; undefined when the transport made the status. */
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>> = {};
  /** Whether it is unknown if the call took effect. */
  readonly sideEffectsUnknown: boolean;

  constructor(cause: unknown) {
    const error = ConnectError.from(cause);
    super(error.message, { cause });
    this.code = error.code;
    // The library says so of messages that were cut.
    const cut = error.rawMessage.startsWith("protocol error");
    this.retryable = cut || OF_THE_TRANSPORT.has(error.code);
    this.sideEffectsUnknown = this.retryable;
    for (const detail of error.details) {
      if (!("type" in detail) || !(detail.value instanceof Uint8Array)) continue;
      if (detail.type === "google.rpc.ErrorInfo") {
        const info = fromBinary(ErrorInfoSchema, detail.value);
        this.reason = info.reason;
        this.metadata = info.metadata;
        this.retryable = info.metadata["retryable"] === "true";
        this.sideEffectsUnknown = info.metadata["side_effects"] === "unknown";
      } else if (detail.type === "google.rpc.RetryInfo") {
        const delay = fromBinary(RetryInfoSchema, detail.value).retryDelay;
        this.retryAfter = delay && durationMs(delay);
      }
    }
  }
}

/** What ends a subscription. What was yielded before stands, and its cursor too. */
export class SubscriptionError extends Error {
  override name = "SubscriptionError";

  constructor(
    readonly why:
      /** Nothing as old as the cursor is kept, and the subscription was to fail then. */
      | "expired"
      /** The feed has another journal than the one the cursor, or what was yielded, is of. */
      | "foreign"
      /** The cursor is ahead of the journal: the feed has lost its end, or is restored from a copy. */
      | "inFuture"
      /** The feed took no token, twice in a row. */
      | "unauthenticated"
      /** The feed refuses the call, and would again. */
      | "refused"
      /** The feed did what it never does. */
      | "brokenPromise"
      /** Somebody else has committed a cursor of the same named subscription. */
      | "committedElsewhere"
      /** As many tries in a row as there may be came to nothing. */
      | "gaveUp",
    message: string,
    override readonly cause?: Interruption,
  ) {
    super(cause ? `${message}: ${cause.message}` : message);
  }
}

/** The end that a failed call means; undefined: another try may heal it. */
export function fatal(cause: CallError, failWhenExpired: boolean): SubscriptionError | undefined {
  switch (cause.reason) {
    case "CURSOR_EXPIRED":
      if (!failWhenExpired) break;
      return new SubscriptionError("expired", "nothing as old as the cursor is kept", cause);
    case "CURSOR_FOREIGN":
      return new SubscriptionError("foreign", "the feed has another journal than before", cause);
    case "CURSOR_IN_FUTURE":
      return new SubscriptionError("inFuture", "the cursor is ahead of the feed", cause);
  }
  if (cause.retryable) return undefined;
  return new SubscriptionError("refused", "the feed refuses the call", cause);
}
