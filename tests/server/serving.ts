/**
 * Servers for tests, on ports and files that go away with them, and what they log.
 *
 * @module
 */

import { configure, type LogRecord, reset } from "@logtape/logtape";
import type { Address, Encoding } from "../../protocol/mod.ts";
import { StorageServer, type StorageServerOptions } from "../../server/mod.ts";
import { FileStorage, MappingStorage, type Storage } from "../../storage/mod.ts";
import { WireClient, type WireOptions } from "./wire_client.ts";

/** Which storage a test's server has. */
export type Kind = "mapping" | "file";

/** How a test's server is made. */
export interface ServingOptions extends Partial<StorageServerOptions> {
  /** A storage in memory unless told otherwise. */
  readonly storage?: Kind | Storage;
  readonly encoding?: Encoding;
}

/** Both storages in both encodings. */
export const VARIANTS: readonly { readonly storage: Kind; readonly encoding: Encoding }[] = [
  { storage: "mapping", encoding: "M" },
  { storage: "mapping", encoding: "Z" },
  { storage: "file", encoding: "M" },
  { storage: "file", encoding: "Z" },
];

/** What a monitor is told of a storage. */
export interface Status {
  readonly connections: number;
  readonly loads: number;
  readonly stores: number;
  readonly commits: number;
  readonly aborts: number;
  readonly active_txns: number;
  readonly lock_time: number | null;
  readonly conflicts: number;
  readonly conflicts_resolved: number;
  readonly start: string;
  readonly waiting: number;
  readonly "timeout-thread-is-alive": boolean | "stub";
  readonly "last-transaction": string;
}

/** A server, its clients and its files; disposing it removes all of them. */
export class Serving implements AsyncDisposable {
  readonly #clients: WireClient[] = [];

  private constructor(
    readonly server: StorageServer,
    readonly encoding: Encoding,
    readonly folder: string | undefined,
  ) {}

  static async start(options: ServingOptions = {}): Promise<Serving> {
    const { storage = "mapping", encoding = "M", ...rest } = options;
    const folder = storage === "file" ? await Deno.makeTempDir() : undefined;
    const opened = storage === "mapping"
      ? new MappingStorage()
      : storage === "file"
      ? FileStorage.open(`${folder}/Data.fs`)
      : storage;
    const server = await StorageServer.start({
      address: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
      storages: new Map([["1", opened]]),
      msgpack: encoding === "M",
      ...rest,
    });
    return new Serving(server, encoding, folder);
  }

  get address(): Address {
    return this.server.address;
  }

  /** A client in the server's encoding, unless told otherwise; it goes away with the server. */
  async connect(options: WireOptions = {}): Promise<WireClient> {
    const client = await WireClient.connect(this.address, { encoding: this.encoding, ...options });
    this.#clients.push(client);
    return client;
  }

  /** What a monitor is told of a storage. */
  async status(id = "1"): Promise<Status> {
    await using monitor = await WireClient.connect(this.address, { silent: true });
    await monitor.sendFrame(new TextEncoder().encode("ruok"));
    await monitor.closed;
    return JSON.parse(new TextDecoder().decode(monitor.frames[0]))[id];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    await this.server.close();
    if (this.folder) await Deno.remove(this.folder, { recursive: true });
  }
}

/** What is logged while a test runs, as `category level message`. */
export class CapturedLog implements AsyncDisposable {
  readonly lines: string[] = [];

  static async start(): Promise<CapturedLog> {
    const log = new CapturedLog();
    await configure({
      reset: true,
      sinks: { lines: (record) => log.#add(record) },
      loggers: [
        { category: ["zeo"], sinks: ["lines"], lowestLevel: "debug" },
        { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
      ],
    });
    return log;
  }

  /** The lines in which a pattern is found. */
  matching(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  #add({ category, level, message }: LogRecord): void {
    this.lines.push(`${category.join(".")} ${level} ${message.map(String).join("")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await reset();
  }
}

/** Waits until something is so; gives up after a time that is far beyond what it takes. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error(`not so after 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
