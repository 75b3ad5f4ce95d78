/**
 * A network between clients and a server that can be cut, stopped and made slow.
 *
 * @module
 */

import type { Address } from "./server.ts";

/** How bytes travel, and what becomes of connections. */
export interface Weather {
  /** Whether what was written together arrives in pieces of any size. */
  readonly splits?: boolean;
  /** Milliseconds that a piece may take, at most; 0 for none. */
  readonly delay?: number;
  /** How likely a connection is cut after a piece, wherever in a message that ends. */
  readonly cut?: number;
  /** How likely a new connection is ended at once. */
  readonly refuse?: number;
  /** How likely a new connection has a twin: the server is told the start of everything a second time. */
  readonly twin?: number;
}

/** A connection that goes through: the client's end, and ours to the server. */
interface Line {
  readonly ends: readonly [Deno.Conn, Deno.Conn];
  /** Whether nothing comes through any more, nor the end of either side. */
  dead?: boolean;
}

/** Pieces that bytes are split into are this long at most. */
const LONGEST_PIECE = 700;

/** Messages that a twin is told: what the client speaks, and its registration. */
const TWIN_MESSAGES = 2;

/** Listens on a port of its own, and passes on what comes to a server, both ways. */
export class Network implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #server: () => Address;
  readonly #chance: Generator<number, never>;
  readonly #lines = new Set<Line>();
  readonly #running = new Set<Promise<unknown>>();
  #weather: Weather;
  #stopped?: PromiseWithResolvers<void>;

  /**
   * @param server Tells where the server is, anew for each connection.
   * @param chance Decides on pieces and delays.
   */
  constructor(server: () => Address, chance: Generator<number, never>, weather: Weather = {}) {
    this.#server = server;
    this.#chance = chance;
    this.#weather = weather;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#track(this.#accept());
  }

  /** Where clients connect. */
  get address(): Address {
    return ["127.0.0.1", this.#listener.addr.port];
  }

  /** Connections that go through. */
  get lines(): number {
    return this.#lines.size;
  }

  /** Changes how bytes travel. */
  set weather(weather: Weather) {
    this.#weather = weather;
  }

  /** Cuts connections, wherever in a message they are. @param part How many of them; all unless told otherwise. */
  cut(part = 1): void {
    for (const line of this.#lines) if (this.#next() < part) hangUp(line);
  }

  /** Lets nothing more through on connections that seem to be there; neither side hears when the other one ends. */
  deaden(part = 1): void {
    for (const line of this.#lines) if (this.#next() < part) line.dead = true;
  }

  /** Lets nothing through until `resume`; the connections stay. */
  stop(): void {
    this.#stopped ??= Promise.withResolvers<void>();
  }

  /** Lets everything through again. */
  resume(): void {
    this.#stopped?.resolve();
    this.#stopped = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.resume();
    this.cut();
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #track(work: Promise<unknown>): void {
    this.#running.add(work);
    work.finally(() => this.#running.delete(work));
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) this.#track(this.#connect(client));
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async #connect(client: Deno.Conn): Promise<void> {
    const { refuse = 0, twin = 0 } = this.#weather;
    if (refuse > 0 && this.#next() < refuse) {
      client.close();
      return;
    }
    let server: Deno.Conn;
    try {
      server = await reach(this.#server());
    } catch {
      client.close();
      return;
    }
    const line: Line = { ends: [client, server] };
    this.#lines.add(line);
    const told = twin > 0 && this.#next() < twin ? await this.#twin(line) : undefined;
    await Promise.all([this.#carry(client, server, line, told), this.#carry(server, client, line)]);
    this.#lines.delete(line);
  }

  /** Connects a second time for a client. @returns Whom to tell what the client says: it takes the start of it. */
  async #twin(line: Line): Promise<((bytes: Uint8Array) => void) | undefined> {
    let twin: Deno.Conn;
    try {
      twin = await reach(this.#server());
    } catch {
      return;
    }
    const own: Line = { ends: [twin, twin] };
    this.#lines.add(own);
    const ignored = new Uint8Array(65536);
    const listen = async () => {
      try {
        while (await twin.read(ignored) !== null);
      } catch {
        // It is cut off.
      }
      hangUp(own);
      this.#lines.delete(own);
    };
    this.#track(listen());
    let start = new Uint8Array(0), told = false;
    return (bytes) => {
      if (told || line.dead) return;
      start = new Uint8Array([...start, ...bytes]);
      const end = endOf(start, TWIN_MESSAGES);
      if (end === undefined) return;
      told = true;
      this.#track(twin.write(start.subarray(0, end)).catch(() => {}));
    };
  }

  /** Carries bytes one way until an end is gone; then the other goes too. */
  async #carry(
    from: Deno.Conn,
    to: Deno.Conn,
    line: Line,
    told?: (bytes: Uint8Array) => void,
  ): Promise<void> {
    const buffer = new Uint8Array(65536);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        told?.(buffer.subarray(0, count));
        for (let at = 0; at < count;) {
          const { splits, delay = 0, cut = 0 } = this.#weather;
          const end = splits ? Math.min(at + 1 + Math.floor(this.#next() * LONGEST_PIECE), count) : count;
          if (delay > 0) await new Promise((resolve) => setTimeout(resolve, this.#next() * delay));
          while (this.#stopped) await this.#stopped.promise;
          if (line.dead) break;
          at += await to.write(buffer.subarray(at, end));
          if (cut > 0 && this.#next() < cut) hangUp(line);
        }
      }
    } catch {
      // One end is gone, or was cut off.
    }
    if (line.dead) close(from);
    else hangUp(line);
  }

  #next(): number {
    return this.#chance.next().value;
  }
}

function reach(address: Address): Promise<Deno.Conn> {
  if (typeof address === "string") return Deno.connect({ transport: "unix", path: address });
  return Deno.connect({ hostname: address[0], port: address[1] });
}

/** Where so many messages end, if they are there. */
function endOf(bytes: Uint8Array, messages: number): number | undefined {
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (let message = 0; message < messages; message++) {
    if (at + 4 > bytes.length) return undefined;
    at += 4 + view.getUint32(at);
  }
  return at <= bytes.length ? at : undefined;
}

function hangUp({ ends }: Line): void {
  ends.forEach(close);
}

function close(end: Deno.Conn): void {
  try {
    end.close();
  } catch {
    // It is closed already.
  }
}
