/**
 * Pages over HTTP/1.1, one a connection.
 *
 *   GET /metrics HTTP/1.1        the request, of which nothing but the first line matters
 *   …
 *
 *   HTTP/1.1 200 OK              the answer; then the connection is closed
 *   …
 *
 * Whoever asks for pages must not be able to take what the database needs: there are few connections at a time, none
 * for long, and a new one takes the place of the oldest. The runtime's own HTTP server has no such bounds, and ends for
 * good, with the whole program, when there is no file descriptor left for a connection.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Address, Transport } from "../../protocol/mod.ts";
import { type Accepted, listen, type Listener } from "../listener.ts";
import { listenOnAll } from "../named_listener.ts";

const log = getLogger(["zeo", "server", "monitor"]);

/** Connections at a time. */
const MOST_CONNECTIONS = 64;

/** Bytes of a request without its content. */
const LONGEST_REQUEST = 16 << 10;

/** Milliseconds that a connection lasts at most. */
const PATIENCE = 10_000;

/** Milliseconds that the other side has to close the connection when it has its answer. */
const FAREWELL = 1000;

/** Milliseconds after a connection that could not be taken. */
const ACCEPT_PAUSE = 100;

/** An answer without what HTTP adds to it. */
export interface Page {
  readonly status: keyof typeof REASONS;
  readonly type: string;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

const REASONS = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

/** Makes the answer to a request; `path` is without what follows a question mark. It doesn't throw. */
export type Answer = (method: string, path: string) => Page | Promise<Page>;

/** See the module. */
export class PageServer {
  /** Where it listens; with the port that it really has. */
  readonly address: Address;
  readonly #listener: Listener;
  readonly #answer: Answer;
  /** Oldest first. */
  readonly #open = new Map<Transport, Promise<void>>();
  readonly #accepting: Promise<void>;
  #closed = false;

  /**
   * Starts to listen.
   * @throws {Deno.errors.AddrInUse} when somebody else does, and other errors of the system.
   */
  static async start(address: Address, answer: Answer): Promise<PageServer> {
    return new PageServer(await listenOnAll(address, listen), answer);
  }

  private constructor(listener: Listener, answer: Answer) {
    this.address = listener.address;
    this.#listener = listener;
    this.#answer = answer;
    this.#accepting = this.#accept();
  }

  /** Stops to listen and closes all connections. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#listener.close();
    await this.#accepting;
    const ending = [...this.#open.values()];
    for (const connection of this.#open.keys()) close(connection);
    await Promise.all(ending);
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      let accepted: Accepted;
      try {
        accepted = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) return;
        log.warn`monitor: accepting a connection failed: ${String(error)}`;
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
        continue;
      }
      const connection = await accepted.establish();
      if (this.#open.size >= MOST_CONNECTIONS) {
        const [oldest] = this.#open.keys();
        this.#open.delete(oldest);
        close(oldest);
      }
      this.#open.set(connection, this.#serve(connection));
    }
  }

  async #serve(connection: Transport): Promise<void> {
    let timer = setTimeout(() => close(connection), PATIENCE);
    try {
      const request = await readRequest(connection);
      if (request === undefined) return;
      await writeAll(connection, await this.#respond(request));
      clearTimeout(timer);
      timer = setTimeout(() => close(connection), FAREWELL);
      // Those who wait for the end have it. To close it altogether while something is unread, as the content of a
      // request, could take the answer back.
      if ("closeWrite" in connection) await (connection as Deno.Conn).closeWrite();
      const rest = new Uint8Array(4096);
      while (await connection.read(rest) !== null);
    } catch {
      // The other side is gone, or was closed.
    } finally {
      clearTimeout(timer);
      this.#open.delete(connection);
      close(connection);
    }
  }

  async #respond(request: string): Promise<Uint8Array> {
    const [, method, target] = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r?\n/.exec(request) ?? [];
    // Proxies ask for whole URLs.
    const path = target?.replace(/^https?:\/\/[^/?]*/i, "").replace(/[?#].*$/, "");
    const page: Page = method === undefined
      ? { status: 400, type: "text/plain", body: new Uint8Array() }
      : await this.#answer(method, path);
    const { status, type, body, headers } = page;
    const lines = Object.entries({
      "content-type": type,
      "content-length": String(body.length),
      "cache-control": "no-store",
      "connection": "close",
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = new TextEncoder().encode(`HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join("")}\r\n`);
    if (method === "HEAD") return head;
    const response = new Uint8Array(head.length + body.length);
    response.set(head);
    response.set(body, head.length);
    return response;
  }
}

/** A request up to its empty line; what is too long for one is cut. Undefined when the other side closes before it. */
async function readRequest(connection: Transport): Promise<string | undefined> {
  const buffer = new Uint8Array(LONGEST_REQUEST);
  const decoder = new TextDecoder("latin1");
  for (let length = 0; length < buffer.length;) {
    const count = await connection.read(buffer.subarray(length));
    if (count === null) return undefined;
    length += count;
    const text = decoder.decode(buffer.subarray(0, length));
    if (/\r?\n\r?\n/.test(text)) return text;
  }
  return "";
}

async function writeAll(connection: Transport, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
}

function close(connection: Transport): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
