/**
 * A network between clients and a server that can be cut, stopped and made slow.
 *
 * @module
 */

import type { Address } from "./server.ts";

/** How bytes travel. */
export interface Weather {
  /** Whether what was written together arrives in pieces of any size. */
  readonly splits?: boolean;
  /** Milliseconds that a piece may take, at most; 0 for none. */
  readonly delay?: number;
}

/** A connection that goes through: the client's end, and ours to the server. */
interface Line {
  readonly ends: readonly [Deno.Conn, Deno.Conn];
}

/** Pieces that bytes are split into are this long at most. */
const LONGEST_PIECE = 700;

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

  /** Cuts all connections, wherever in a message they are. */
  cut(): void {
    for (const line of this.#lines) hangUp(line);
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
    let server: Deno.Conn;
    try {
      server = await reach(this.#server());
    } catch {
      client.close();
      return;
    }
    const line: Line = { ends: [client, server] };
    this.#lines.add(line);
    await Promise.all([this.#carry(client, server, line), this.#carry(server, client, line)]);
    this.#lines.delete(line);
  }

  /** Carries bytes one way until an end is gone; then the other goes too. */
  async #carry(from: Deno.Conn, to: Deno.Conn, line: Line): Promise<void> {
    const buffer = new Uint8Array(65536);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        for (let at = 0; at < count;) {
          const { splits, delay = 0 } = this.#weather;
          const end = splits ? Math.min(at + 1 + Math.floor(this.#next() * LONGEST_PIECE), count) : count;
          if (delay > 0) await new Promise((resolve) => setTimeout(resolve, this.#next() * delay));
          while (this.#stopped) await this.#stopped.promise;
          at += await to.write(buffer.subarray(at, end));
        }
      }
    } catch {
      // One end is gone, or was cut off.
    }
    hangUp(line);
  }

  #next(): number {
    return this.#chance.next().value;
  }
}

function reach(address: Address): Promise<Deno.Conn> {
  if (typeof address === "string") return Deno.connect({ transport: "unix", path: address });
  return Deno.connect({ hostname: address[0], port: address[1] });
}

function hangUp({ ends }: Line): void {
  for (const end of ends) {
    try {
      end.close();
    } catch {
      // It is closed already.
    }
  }
}
