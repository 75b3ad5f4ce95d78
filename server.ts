/**
 * The server as a program: `deno run --allow-net --allow-read --allow-write server.ts -C zeo.conf`.
 *
 * Exit codes are the original's: 0 after SIGTERM, SIGINT, `--test`, `--help` and `--version`; 1 after SIGHUP, which
 * asks for a restart, and when a storage can't be opened; 2 for a mistake in the command line or the configuration,
 * and for an address that is in use.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import deno from "./deno.json" with { type: "json" };
import {
  ConfigurationError,
  configureEventlog,
  type EventlogControl,
  EventlogError,
  loadConflictResolvers,
  openStorage,
  parseServerCommandLine,
  resolveServerConfiguration,
  type ServerConfiguration,
  type SocketAddress,
  storageKind,
  usage,
  UsageError,
} from "./config/mod.ts";
import { type Address, formatAddress } from "./protocol/mod.ts";
import { addressInUse, StorageServer } from "./server/mod.ts";
import { ConflictResolver, FileStorage, MappingStorage, mergeWith, type Storage } from "./storage/mod.ts";

export * from "./server/mod.ts";

const log = getLogger(["zeo", "runzeo"]);

/** Ends the program: a message for standard error, and the exit code. */
class Exit extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

/** How the program was told to end, and with which code it does. */
const endings = [
  { signal: "SIGTERM", code: 0, words: "terminated by SIGTERM" },
  { signal: "SIGINT", code: 0, words: "terminated by SIGINT" },
  { signal: "SIGHUP", code: 1, words: "restarted by SIGHUP" },
] as const;

/**
 * Runs the server until it is told to end.
 *
 * @param args The command line, without the program's name.
 * @returns The exit code.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseServerCommandLine(args);
    if (options.help) {
      console.log(usage());
      return 0;
    }
    if (options.version) {
      console.log(deno.version);
      return 0;
    }
    const configuration = resolveServerConfiguration(options);
    await using eventlog = configureEventlog(configuration.eventlog);
    return await serve(configuration, eventlog, options.test);
  } catch (error) {
    if (error instanceof UsageError) return fail(2, `${error.message}\nFor help, use server.ts -h`);
    if (error instanceof ConfigurationError || error instanceof EventlogError) return fail(2, error.message);
    if (error instanceof Exit) return fail(error.code, error.message);
    return fail(1, error instanceof Error ? error.message : String(error));
  }
}

function fail(code: number, message: string): number {
  console.error(`Error: ${message}`);
  return code;
}

async function serve(
  configuration: ServerConfiguration,
  eventlog: EventlogControl,
  test: boolean,
): Promise<number> {
  const { zeo } = configuration;
  const address = listeningAddress(zeo.address);
  refuseUnsupported(configuration);
  // As in the original, before anything is opened or written for a server that can't run.
  if (await addressInUse(address)) throw new Exit(2, `${positionOf(configuration)}: address in use`);
  // Whoever sees the server listen may end it at once: signals are heard before that.
  using signals = new Signals(eventlog);
  using _pidFile = zeo.readOnly ? undefined : PidFile.write(zeo.pidFilename);
  const server = await start(configuration, address);
  try {
    console.log(`listening on ${formatAddress(server.address)}`);
    if (test) {
      console.log("testing exit immediately");
      return 0;
    }
    return await signals.ended;
  } finally {
    await server.close();
  }
}

function listeningAddress(address: SocketAddress): Address {
  if (address.kind === "unix") return { transport: "unix", path: address.path };
  return { transport: "tcp", hostname: address.host, port: address.port ?? 0 };
}

function positionOf({ zeo }: ServerConfiguration): string {
  const { file, line } = zeo.position;
  const address = formatAddress(listeningAddress(zeo.address));
  return `${line > 0 ? `${file}:${line}: <zeo> address` : file} ${JSON.stringify(address)}`;
}

/** What an in-process server is made of. */
export interface ServerOptions {
  /** Path of a Data.fs; without one the database is in memory and goes with the server. */
  readonly path?: string;
  /** The port of this machine to listen on; any that is free unless told otherwise. */
  readonly port?: number;
  /** Whether msgpack is offered to clients, and not pickles. */
  readonly msgpack?: boolean;
}

/**
 * Starts a server in this process, for programs and tests that want a database without a daemon.
 *
 * @example
 * ```ts
 * import { server } from "./server.ts";
 *
 * await using running = await server();
 * console.log(running.address);
 * ```
 */
export function server(options: ServerOptions = {}): Promise<StorageServer> {
  const storage: Storage = options.path === undefined ? new MappingStorage() : FileStorage.open(options.path);
  return StorageServer.start({
    address: { transport: "tcp", hostname: "127.0.0.1", port: options.port ?? 0 },
    storages: new Map([["1", storage]]),
    msgpack: options.msgpack,
  });
}

/** What must not be left out silently: who asked for certificates must not be served without them. */
function refuseUnsupported({ zeo }: ServerConfiguration): void {
  if (zeo.ssl) {
    throw new ConfigurationError(
      zeo.ssl.position,
      "this version has no TLS yet and doesn't serve without it where it is asked for",
      { section: "ssl" },
    );
  }
}

async function start(configuration: ServerConfiguration, address: Address): Promise<StorageServer> {
  const { zeo } = configuration;
  const storages = new Map<string, Storage>();
  const merge = mergeWith(new ConflictResolver(await loadConflictResolvers(zeo)));
  try {
    for (const section of configuration.storages) {
      log.info`(${Deno.pid}) opening storage ${`'${section.name}'`} using ${storageKind(section)}`;
      const { storage, withoutEffect } = openStorage(section, { merge });
      storages.set(section.name, storage);
      for (const key of withoutEffect) sayWithoutEffect(`<${section.type} ${section.name}> ${key}`);
    }
    if (zeo.invalidationAge !== undefined) sayWithoutEffect("<zeo> invalidation-age");
    if (zeo.monitor) sayWithoutEffect("<zeo> monitor");
    if (configuration.runner) sayWithoutEffect("<runner>");
    return await StorageServer.start({
      address,
      storages,
      readOnly: zeo.readOnly,
      msgpack: zeo.msgpack,
      invalidationQueueSize: zeo.invalidationQueueSize,
      clientConflictResolution: zeo.clientConflictResolution,
      transactionTimeout: zeo.transactionTimeout,
      limits: { message: zeo.maxMessageSize, buffered: zeo.maxBuffered },
      maxConnections: zeo.maxConnections,
    });
  } catch (error) {
    for (const storage of storages.values()) await storage.close();
    if (error instanceof Deno.errors.AddrInUse || error instanceof Deno.errors.AddrNotAvailable) {
      throw new Exit(2, `${positionOf(configuration)}: ${error.message}`);
    }
    throw error;
  }
}

function sayWithoutEffect(what: string): void {
  log.warn`${what} is accepted and has no effect yet`;
}

/** Hears the signals that end the program, and reopens the log on SIGUSR2. */
class Signals implements Disposable {
  /** Resolves to the exit code when the program is told to end. */
  readonly ended: Promise<number>;
  readonly #listeners: readonly (readonly [Deno.Signal, () => void])[];

  constructor(eventlog: EventlogControl) {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.ended = promise;
    const ends = endings.map(({ signal, code, words }) =>
      [signal, () => {
        log.info`(${Deno.pid}) ${words}`;
        resolve(code);
      }] as const
    );
    this.#listeners = [...ends, ["SIGUSR2", () => reopen(eventlog)]];
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}

function reopen(eventlog: EventlogControl): void {
  try {
    eventlog.reopen();
    log.info`(${Deno.pid}) Log files reopened successfully`;
  } catch (error) {
    log.error`(${Deno.pid}) log files could not be reopened: ${String(error)}`;
  }
}

/** The file with the process id, for as long as the process runs. */
class PidFile implements Disposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Writes it, in place of one that is there; a file that can't be written is told and is no reason to stop. */
  static write(path: string | undefined): PidFile | undefined {
    if (!path) return undefined;
    try {
      Deno.writeTextFileSync(path, `${Deno.pid}\n`);
      log.info`(${Deno.pid}) created PID file ${`'${path}'`}`;
      return new PidFile(path);
    } catch (error) {
      log.error`(${Deno.pid}) PID file ${`'${path}'`} can't be written: ${String(error)}`;
    }
  }

  [Symbol.dispose](): void {
    try {
      Deno.removeSync(this.#path);
      log.info`(${Deno.pid}) removed PID file ${`'${this.#path}'`}`;
    } catch (error) {
      log.error`(${Deno.pid}) PID file ${`'${this.#path}'`} can't be removed: ${String(error)}`;
    }
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
