/**
 * Asking a server how it is, with the word `ruok`: no client, no storage, no rights needed.
 *
 *   server   length 4 | "M5" or "Z5"
 *   we       length 4 | "ruok"
 *   server   length 4 | JSON, an object of objects: storage, count, number; then the end
 *
 * @module
 */

import { AddressError, parseSocketAddress } from "../config/mod.ts";
import { type Address, connect, type TlsClientOptions, type Transport } from "../protocol/mod.ts";
import { read32, write32 } from "../values/mod.ts";
import { Failure, UsageError } from "./command.ts";

/** What a server says about one storage: `connections`, `commits`, `last-transaction` … */
export type StorageReport = Readonly<Record<string, unknown>>;

/** What a server says: its storages, by their names. */
export type ServerReport = Readonly<Record<string, StorageReport>>;

/** Bytes that a report may have. */
const LONGEST = 16 << 20;

/**
 * The address that a text stands for: `host:port`, `[v6]:port`, `port`; or else the path of a Unix socket.
 *
 * @throws {UsageError} when it is none.
 */
export function parseServerAddress(text: string): Address {
  try {
    const address = parseSocketAddress(text, "127.0.0.1");
    if (address.kind === "unix") return { transport: "unix", path: address.path };
    if (address.port !== undefined) {
      return { transport: "tcp", hostname: address.host, port: address.port };
    }
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new UsageError(`address ${JSON.stringify(text)}: expected HOST:PORT or a path; ${error.message}`);
  }
  if (text.includes(":")) {
    throw new UsageError(`address ${JSON.stringify(text)}: expected HOST:PORT or a path`);
  }
  return { transport: "unix", path: text };
}

/**
 * Asks a server how it is.
 *
 * @param seconds How long it may take.
 * @param tls Uses TLS.
 * @throws {Failure} when what answers is no ZEO server, or takes too long; the system's errors when nobody does.
 */
export async function askServer(
  address: Address,
  seconds: number,
  tls?: TlsClientOptions,
): Promise<ServerReport> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Failure(`no answer within ${seconds} s`)), seconds * 1000);
  let transport: Transport | undefined;
  try {
    transport = await connect(address, { tls, signal: late.signal });
    // Whoever reads is told that it is closed.
    late.signal.addEventListener("abort", () => transport!.close());
    const frames = new Frames(transport);
    const greeting = new TextDecoder().decode(await frames.next());
    if (!/^[MZ]\d+$/.test(greeting)) throw new Failure(`it says ${JSON.stringify(greeting)}, expected "M5"`);
    const question = new TextEncoder().encode("    ruok");
    write32(question, 0, 4);
    for (let done = 0; done < question.length;) done += await transport.write(question.subarray(done));
    return parseReport(await frames.next());
  } catch (error) {
    throw late.signal.aborted ? late.signal.reason : error;
  } finally {
    clearTimeout(timer);
    if (!late.signal.aborted) transport?.close();
  }
}

/** A report, of its bytes. @throws {Failure} when it is none. */
export function parseReport(bytes: Uint8Array): ServerReport {
  let report: unknown;
  try {
    report = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new Failure(`its report is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(report) || !Object.values(report as object).every(isObject)) {
    throw new Failure("its report is no object of objects");
  }
  return report as ServerReport;
}

/** What a server sends, message by message. */
class Frames {
  readonly #connection: Transport;

  constructor(connection: Transport) {
    this.#connection = connection;
  }

  async next(): Promise<Uint8Array> {
    const length = read32(await this.#read(4), 0);
    if (length > LONGEST) throw new Failure(`it announces ${length} bytes, expected at most ${LONGEST}`);
    return await this.#read(length);
  }

  async #read(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const count = await this.#connection.read(bytes.subarray(done));
      if (count === null) throw new Failure(`it ends after ${done} of ${length} bytes`);
      done += count;
    }
    return bytes;
  }
}

/** An error of a connection as Python's tools tell it: `[Errno 111] Connection refused`. */
export function connectionFault(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const system = /^([^()]*) \(os error (\d+)\)/.exec(message);
  return system ? `[Errno ${system[2]}] ${system[1]}` : message;
}
