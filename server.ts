/**
 * The server as a program: `deno run --allow-net --allow-read --allow-write server.ts -C zeo.conf`.
 *
 * Exit codes are the original's: 0 after SIGTERM, SIGINT, `--test`, `--help` and `--version`; 1 after SIGHUP, which
 * asks for a restart, when a storage can't be opened, and for an address that this machine hasn't got (yet); 2 for a
 * mistake in the command line or the configuration, and for an address that is in use.
 *
 * The first such signal has it end in an orderly way: it takes no more connections, disconnects its clients but those
 * whose transactions have voted, waits for these (`stop-timeout` in `<zeo>`, 5 seconds), and closes its files. The second one ends it at
 * once.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { resolve } from "@std/path";
import deno from "./deno.json" with { type: "json" };
import {
  addressError,
  Certificates,
  ConfigurationError,
  configureEventlog,
  Crashes,
  DEFAULT_TRANSACTION_TIMEOUT,
  describeServer,
  enterRunner,
  type EventlogControl,
  EventlogError,
  listeningAddress,
  loadServerTls,
  parseServerCommandLine,
  PidFile,
  requireFreeAddress,
  resolveServerConfiguration,
  type ServerConfiguration,
  type ServerTexts,
  ServiceManager,
  Signals,
  startServer,
  usage,
  UsageError,
} from "./config/mod.ts";
import { type Address, formatAddress } from "./protocol/mod.ts";
import {
  Monitor,
  startTelemetry,
  type StorageServer,
  type StorageServerOptions,
  type TlsServerOptions,
} from "./server/mod.ts";

export * from "./server/mod.ts";
export type { ServerTexts } from "./config/mod.ts";

const log = getLogger(["zeo", "runzeo"]);

/** Seconds that closing may take after all transactions are over. */
const CLOSING = 10;

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
    let configuration = resolveServerConfiguration(options);
    const { address, filenames, pidFile } = options, { source } = configuration;
    // Paths on the command line are meant from here, those in the file from the directory where the server runs.
    const given = {
      ...options,
      configuration: source && resolve(source),
      address: address?.kind === "unix" ? { ...address, path: resolve(address.path) } : address,
      filenames: filenames.map((path) => resolve(path)),
      pidFile: pidFile && resolve(pidFile),
    };
    const runner = configuration.runner && enterRunner(configuration.runner);
    if (runner?.moved) configuration = resolveServerConfiguration(given);
    await using eventlog = configureEventlog(configuration.eventlog);
    using _crashes = new Crashes();
    runner?.report();
    return await serve(configuration, eventlog, options.test);
  } catch (error) {
    if (error instanceof UsageError) return fail(2, `${error.message}\nFor help, use server.ts -h`);
    if (error instanceof ConfigurationError || error instanceof EventlogError) return fail(2, error.message);
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
  const tls = zeo.ssl && await loadServerTls(zeo.ssl);
  // As in the original, before anything is opened or written for a server that can't run.
  await requireFreeAddress(configuration);
  using manager = ServiceManager.find();
  // Whoever sees the server listen may end it at once: signals are heard before that.
  let reload = (): void => reopen(eventlog);
  using signals = new Signals(() => reload());
  using _pidFile = zeo.readOnly ? undefined : PidFile.write(zeo.pidFilename);
  const transactionTimeout = zeo.transactionTimeout ?? DEFAULT_TRANSACTION_TIMEOUT;
  const starting = startServer(configuration, { tls, transactionTimeout });
  // A storage of another server may take its time to be there: nobody who wants to end the program has to wait for that.
  const server = await Promise.race([starting, signals.ended]);
  if (typeof server === "number") {
    starting.catch(() => {});
    return server;
  }
  const certificates = zeo.ssl && new Certificates(server, zeo.ssl);
  let monitor: Monitor | undefined, telemetry: Disposable | undefined;
  try {
    monitor = await startMonitor(configuration, server);
    telemetry = await startTelemetry(server);
    const listening = `listening on ${formatAddress(server.address)}`;
    reload = async () => {
      await manager?.reloading();
      reopen(eventlog);
      await certificates?.reload();
      await manager?.ready(listening);
    };
    console.log(listening);
    if (test) {
      console.log("testing exit immediately");
      return 0;
    }
    await manager?.ready(listening);
    return await signals.ended;
  } finally {
    await manager?.stopping();
    if (await isOver(server.stop(zeo.stopTimeout), signals.again, zeo.stopTimeout + CLOSING)) {
      telemetry?.[Symbol.dispose]();
      // Last, so that until now it has told that the server is being closed.
      await monitor?.close();
    }
  }
}

/** Waits for the end of a server. @returns false when it is not waited for any longer. */
async function isOver(stopping: Promise<void>, again: Promise<void>, seconds: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), seconds * 1000);
  try {
    const over = await Promise.race([stopping.then(() => true), again.then(() => false), late.promise]);
    if (!over) log.warn`(${Deno.pid}) ended before everything was closed`;
    return over;
  } finally {
    clearTimeout(timer);
  }
}

async function startMonitor(
  { zeo }: ServerConfiguration,
  server: StorageServer,
): Promise<Monitor | undefined> {
  if (!zeo.monitor) return undefined;
  const address = listeningAddress(zeo.monitor);
  try {
    return await Monitor.start(server, address);
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw addressError(zeo.position, "monitor", address, error.message);
    }
    if (error instanceof Error) error.message = `monitor ${formatAddress(address)}: ${error.message}`;
    throw error;
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

/** What an in-process server is made of. */
export interface ServerOptions extends ServerTexts {
  /** The port to listen on; any that is free unless told otherwise. Ignored where `zeoConf` names an address. */
  readonly port?: number;
  /** The host name to listen on; this machine only unless told otherwise. */
  readonly hostname?: string;
  /** Path of a Unix socket to listen on, instead of a port. */
  readonly socket?: string;
  /** Whether msgpack is offered to clients, and not pickles. */
  readonly msgpack?: boolean;
  /** Encrypts all connections, in place of what `zeoConf` says. */
  readonly tls?: TlsServerOptions;
}

/**
 * Starts a server in this process, for programs and tests that want a database without a daemon.
 *
 * Its address has the port that it really listens on; `stop()` ends it in an orderly way, and so does leaving the scope
 * of an `await using`. It logs to LogTape's categories under `zeo` and writes nothing anywhere by itself.
 *
 * @throws {ConfigurationError} when a text can't be understood, or the address is in use
 *
 * @example
 * ```ts
 * import { server } from "./server.ts";
 *
 * await using running = await server();
 * console.log(running.address);
 * ```
 */
export async function server(options: ServerOptions = {}): Promise<StorageServer> {
  const configuration = describeServer(options);
  const { zeo, addressed } = configuration;
  const { port = 0, hostname = "127.0.0.1", socket, msgpack = zeo.msgpack } = options;
  const asked: Address = socket === undefined
    ? { transport: "tcp", hostname, port }
    : { transport: "unix", path: socket };
  const given: Partial<StorageServerOptions> = {
    address: addressed ? listeningAddress(zeo.address) : asked,
    msgpack,
    tls: options.tls ?? (zeo.ssl && await loadServerTls(zeo.ssl)),
  };
  return await startServer(configuration, given);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
