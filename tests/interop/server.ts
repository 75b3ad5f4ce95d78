/**
 * A ZEO server as a program of its own: ours, or Python's `runzeo`, on the same kind of configuration file.
 *
 * @module
 */

import type { Environment } from "./environment.ts";
import { type Ending, Program } from "./program.ts";

const root = new URL("../../", import.meta.url).pathname;

/** Which program serves. */
export type ServerKind = "ours" | "runzeo";

/** Where a server listens: host and port, or the path of a Unix socket. */
export type Address = readonly [host: string, port: number] | string;

/** What to serve, and how. */
export interface ServerOptions {
  /** Default: the environment variable `ZEO_INTEROP_SERVER`, else `"ours"`. */
  readonly kind?: ServerKind;
  /** The encoding that the server announces; default msgpack. */
  readonly msgpack?: boolean;
  /** Default: a free port of 127.0.0.1. */
  readonly address?: Address;
  /** Further keys of the `<zeo>` section. */
  readonly zeo?: Readonly<Record<string, string | number | boolean>>;
  /** Sections within the `<zeo>` section. */
  readonly zeoSections?: string;
  /** Storage sections; default: a FileStorage `Data.fs` in the folder. */
  readonly storages?: string;
  /** The event log's section; default: none, so the log goes to standard error. */
  readonly eventlog?: string;
}

/** The kind that `ZEO_INTEROP_SERVER` asks for. */
export function defaultServerKind(): ServerKind {
  const kind = Deno.env.get("ZEO_INTEROP_SERVER") ?? "ours";
  if (kind !== "ours" && kind !== "runzeo") {
    throw new Error(`ZEO_INTEROP_SERVER ${JSON.stringify(kind)}: expected ours or runzeo`);
  }
  return kind;
}

function configuration(folder: string, address: Address, options: ServerOptions): string {
  const keys = {
    address: typeof address === "string" ? address : address.join(":"),
    msgpack: options.msgpack ?? true,
    ...options.zeo,
  };
  const lines = Object.entries(keys).map(([key, value]) => `  ${key} ${value}`);
  const storages = options.storages ?? `<filestorage>\n  path ${folder}/Data.fs\n</filestorage>`;
  return ["<zeo>", ...lines, options.zeoSections ?? "", "</zeo>", storages, options.eventlog ?? "", ""].join(
    "\n",
  );
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A running server. */
export class Server implements AsyncDisposable {
  readonly kind: ServerKind;
  readonly address: Address;
  readonly #program: Program;

  private constructor(kind: ServerKind, address: Address, program: Program) {
    this.kind = kind;
    this.address = address;
    this.#program = program;
  }

  /**
   * Writes `zeo.conf` into `folder`, starts the server there and waits until clients can connect.
   *
   * @throws {Error} with its output, if it does not come up
   */
  static async start(environment: Environment, folder: string, options: ServerOptions = {}): Promise<Server> {
    const kind = options.kind ?? defaultServerKind();
    // runzeo does not tell which port it got, so it is given one that was free a moment ago.
    const address = options.address ?? ["127.0.0.1", kind === "ours" ? 0 : freePort()];
    const path = `${folder}/zeo.conf`;
    await Deno.writeTextFile(path, configuration(folder, address, options));
    const program = kind === "ours"
      ? new Program("server.ts", Deno.execPath(), [
        ...["run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write"],
        ...["--config", `${root}deno.json`, `${root}server.ts`, "-C", path],
      ], { cwd: folder })
      : new Program("runzeo", `${environment.programs}/runzeo`, ["-C", path], { cwd: folder });
    try {
      const told = await program.match(kind === "ours" ? /^listening on (.+)$/m : /listening on /);
      return new Server(kind, kind === "ours" ? parseAddress(told[1]) : address, program);
    } catch (error) {
      await program.kill();
      throw error;
    }
  }

  /** Process id. */
  get pid(): number {
    return this.#program.pid;
  }

  /** What it has written to standard output and error. */
  get output(): string {
    return this.#program.output;
  }

  /** Resolves when it has ended by itself, or because somebody has told it to. */
  get ended(): Promise<Ending> {
    return this.#program.ended;
  }

  /** Ends it with SIGTERM. */
  stop(): Promise<Ending> {
    return this.#program.stop();
  }

  /**
   * Ends it while clients are at work. Ours is told to, and has to end well. The original, told to end while it reads or
   * writes, may go on as if nothing had been said, since its event loop swallows what ends it: it is killed.
   */
  async end(): Promise<void> {
    if (this.kind === "runzeo") return await this.kill();
    const { code } = await this.stop();
    if (code !== 0) throw new Error(`the server has ended with code ${code}:\n${this.output}`);
  }

  /** Ends it with SIGKILL. */
  kill(): Promise<void> {
    return this.#program.kill();
  }

  /** Waits until what it has written matches. */
  match(pattern: RegExp, timeout?: number): Promise<RegExpMatchArray> {
    return this.#program.match(pattern, timeout);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

function parseAddress(text: string): Address {
  if (text.startsWith("/")) return text;
  const found = text.match(/^\[?(.+?)\]?:(\d+)$/);
  if (!found) {
    throw new Error(`listening on ${JSON.stringify(text)}: expected HOST:PORT or the path of a socket`);
  }
  return [found[1], Number(found[2])];
}
