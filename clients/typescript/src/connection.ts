/** One connection to a feed, of its own, so that nothing of a dead one is used again. */
import { createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import {
  FeedService,
  type SubscribeRequest,
  type SubscribeResponse,
} from "../gen/hansa/feed/v1/feed_service_pb.js";
import { CallError, Interruption } from "./errors.js";

const MESSAGE_BYTES = 64 * 1024 * 1024;

export class Connection {
  readonly client: Client<typeof FeedService>;
  readonly #session: Http2SessionManager;
  readonly #stop = new AbortController();
  #stream: AsyncIterator<SubscribeResponse> | undefined;

  constructor(url: string) {
    this.#session = new Http2SessionManager(url);
    const transport = createGrpcTransport({
      baseUrl: url,
      sessionManager: this.#session,
      readMaxBytes: MESSAGE_BYTES,
    });
    this.client = createClient(FeedService, transport);
  }

  subscribe(request: SubscribeRequest, headers: Record<string, string>): void {
    const signal = this.#stop.signal;
    this.#stream = this.client.subscribe(request, { headers, signal })[Symbol.asyncIterator]();
  }

  /** The next message; undefined at the end. Silence for longer than this is an interruption. */
  async message(patience: number): Promise<SubscribeResponse | undefined> {
    if (!this.#stream) throw new Interruption("there is no stream");
    const next = await within(this.#stream.next(), patience);
    return next.done ? undefined : next.value;
  }

  close(): void {
    this.#stop.abort();
    this.#session.abort();
  }
}

/** What is answered in time, or why it is not. */
export async function within<T>(answer: Promise<T>, patience: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    const seconds = (patience / 1000).toFixed(1);
    const silent = () => reject(new Interruption(`nothing was received for ${seconds} s`));
    timer = setTimeout(silent, patience);
  });
  try {
    return await Promise.race([answer, silence]);
  } catch (error) {
    throw error instanceof Interruption ? error : new CallError(error);
  } finally {
    clearTimeout(timer);
    // Nobody listens to what comes too late.
    answer.catch(() => undefined);
  }
}
