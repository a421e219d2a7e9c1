/** What a subscription yields. */
import type { Event } from "../gen/hansa/feed/v1/event_pb.js";
import type {
  CaughtUp,
  FellBehind,
  Notice,
  Opened,
  Progress,
  Snapshot,
} from "../gen/hansa/feed/v1/feed_service_pb.js";
import type { Interruption } from "./errors.js";

/** Events in order, of whole commits: no other item brings more of the same commit. */
export interface Events {
  readonly kind: "events";
  readonly events: readonly Event[];
  /** After these. Store it with what they cause. */
  readonly cursor: Uint8Array;
  /** Position of the last of them. */
  readonly position: bigint;
}

/** The present state begins. */
export interface SnapshotBegin {
  readonly kind: "snapshotBegin";
  /** It was cut off before it was whole and begins anew: drop what came since the last beginning. */
  readonly again: boolean;
}

/** Part of the present state. */
export interface SnapshotPart {
  readonly kind: "snapshotPart";
  readonly state: Snapshot;
}

/** The present state is whole; what follows changes it. */
export interface SnapshotEnd {
  readonly kind: "snapshotEnd";
  readonly cursor: Uint8Array;
  readonly position: bigint;
}

/** Events that are missing and always will be: those after one position, up to another. */
export interface Gap {
  readonly kind: "gap";
  readonly after: bigint;
  readonly upTo: bigint;
}

export type Item = Events | SnapshotBegin | SnapshotPart | SnapshotEnd | Gap;

/** What happens beside the items. */
export type Sign =
  | { readonly kind: "opened"; readonly value: Opened }
  | { readonly kind: "progress"; readonly value: Progress }
  | { readonly kind: "caughtUp"; readonly value: CaughtUp }
  | { readonly kind: "fellBehind"; readonly value: FellBehind }
  | { readonly kind: "notice"; readonly value: Notice }
  /** The connection is lost, or there is none yet; it is tried again after so many milliseconds. */
  | { readonly kind: "interrupted"; readonly cause: Interruption; readonly retryIn: number };
