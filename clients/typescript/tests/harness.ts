/**
 * The pair behind a chaos front, as `hansa up` starts it: for the tests, and for yours.
 *
 * Needs HANSA, the path of the binary, in the environment.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, watch } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import {
  ChaosService,
  type Fault,
  FaultKind,
  type FaultSchema,
  type PlanSchema,
} from "../gen/hansa/chaos/v1/chaos_service_pb.js";
import { FeedService } from "../gen/hansa/feed/v1/feed_service_pb.js";
import { MemberKind } from "../gen/hansa/registry/v1/member_pb.js";
import { RegistryService } from "../gen/hansa/registry/v1/registry_service_pb.js";

const START = 60_000;
const CALL = 30_000;

interface Endpoints {
  registry: string;
  feed: string;
  chaos: string;
}

/** Both services and the front, on free ports and empty directories. */
export class World {
  readonly registry: Client<typeof RegistryService>;
  readonly events: Client<typeof FeedService>;
  readonly feed: string;
  readonly #chaos: Client<typeof ChaosService>;

  private constructor(
    private readonly process: ChildProcess,
    private readonly directory: string,
    endpoints: Endpoints,
  ) {
    const to = (baseUrl: string) => createGrpcTransport({ baseUrl, defaultTimeoutMs: CALL });
    this.feed = endpoints.feed;
    this.registry = createClient(RegistryService, to(endpoints.registry));
    this.events = createClient(FeedService, to(endpoints.feed));
    this.#chaos = createClient(ChaosService, to(endpoints.chaos));
  }

  static async start(): Promise<World> {
    const binary = process.env["HANSA"];
    if (!binary) throw new Error("HANSA is not the path of the binary");
    const directory = await mkdtemp(join(tmpdir(), "hansa-typescript-"));
    const file = join(directory, "endpoints.json");
    const log = await open(join(directory, "hansa.log"), "w");
    const args = ["up", "--data", join(directory, "data"), "--chaos", "--no-tail", "--no-import"];
    args.push("--registry-listen", "127.0.0.1:0", "--feed-listen", "127.0.0.1:0");
    args.push("--chaos-listen", "127.0.0.1:0", "--endpoints-file", file);
    const child = spawn(binary, args, { stdio: ["ignore", log.fd, log.fd] });
    await log.close();
    try {
      await ready(directory, file, child);
    } catch (error) {
      child.kill("SIGKILL");
      console.error(readFileSync(join(directory, "hansa.log"), "utf8"));
      throw error;
    }
    return new World(child, directory, JSON.parse(readFileSync(file, "utf8")) as Endpoints);
  }

  /** It must end with 0 on SIGTERM. */
  async stop(): Promise<void> {
    const ended = once(this.process, "exit");
    this.process.kill("SIGTERM");
    const [code] = await ended;
    const log = readFileSync(join(this.directory, "hansa.log"), "utf8");
    await rm(this.directory, { recursive: true });
    if (code !== 0) throw new Error(`hansa ended with ${code}:\n${log}`);
  }

  /** A member each, and so an event each; returns when the feed has them. */
  async recordMembers(ids: Iterable<string>): Promise<void> {
    let minRegistryPosition = 0n;
    for (const id of ids) {
      const member = {
        name: `members/${id}`,
        names: [{ text: id }],
        kind: MemberKind.MUNICIPALITY,
        country: "DE",
      };
      minRegistryPosition = (await this.registry.createMember({ member })).position;
    }
    await this.events.getFeedStatus({ minRegistryPosition });
  }

  /** Sets the front anew; without numbers nothing is planned. */
  async plan(plan?: MessageInitShape<typeof PlanSchema>): Promise<Fault[]> {
    return (await this.#chaos.setPlan(plan ? { plan } : {})).faults;
  }

  /** Lets a fault happen; its number. */
  async apply(kind: FaultKind, fields: MessageInitShape<typeof FaultSchema> = {}): Promise<bigint> {
    const { fault } = await this.#chaos.apply({ fault: { ...fields, kind } as Fault });
    return fault?.number ?? 0n;
  }

  /** Returns when the fault has fired. */
  async fired(waitUntilFired: bigint): Promise<void> {
    await this.#chaos.listFaults({ waitUntilFired });
  }

  /** What was planned or applied and has not happened. */
  async unfired(): Promise<Fault[]> {
    const { faults } = await this.#chaos.listFaults({});
    return faults.filter((fault) => fault.firing === undefined);
  }
}

/** Returns when the file is there. */
async function ready(directory: string, file: string, child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => finish(new Error(`not ready after ${START} ms`)), START);
    const watcher = watch(directory, () => existsSync(file) && finish());
    const ended = (code: number | null) => finish(new Error(`hansa ended with ${code}`));
    child.once("exit", ended);
    child.once("error", finish);
    function finish(error?: Error) {
      clearTimeout(late);
      watcher.close();
      child.off("exit", ended);
      if (error) reject(error);
      else resolve();
    }
    if (existsSync(file)) finish();
  });
}
