/**
 * A network between clients and a server that delays, cuts messages into pieces and breaks connections, as chance has it.
 *
 * @module
 */

/** What may happen to a connection. */
export interface ProxyOptions {
  readonly port: number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** How likely it is that a piece of traffic is the last one of its connection. */
  readonly cut: number;
}

/** See the module. */
export class Proxy implements AsyncDisposable {
  readonly port: number;
  /** Connections that were broken. */
  cuts = 0;
  /** Whether connections are left alone. */
  calm = false;
  readonly #listener: Deno.TcpListener;
  readonly #options: ProxyOptions;
  readonly #connections = new Set<Deno.Conn>();
  readonly #working = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#accepting = this.#accept();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) this.#work(this.#serve(client));
  }

  #work(work: Promise<void>): void {
    const done = work.catch(() => {}).finally(() => this.#working.delete(done));
    this.#working.add(done);
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    let server: Deno.TcpConn;
    try {
      server = await Deno.connect({ hostname: "127.0.0.1", port: this.#options.port });
    } catch {
      client.close();
      return;
    }
    const close = () => {
      for (const conn of [client, server]) if (this.#connections.delete(conn)) conn.close();
    };
    for (const conn of [client, server]) {
      conn.setNoDelay(true);
      this.#connections.add(conn);
    }
    await Promise.all([this.#pump(client, server, close), this.#pump(server, client, close)]);
  }

  /** Passes on what comes, in pieces. */
  async #pump(from: Deno.Conn, to: Deno.Conn, close: () => void): Promise<void> {
    const { random, cut } = this.#options, buffer = new Uint8Array(4096);
    try {
      while (true) {
        const count = await from.read(buffer);
        if (count === null) break;
        for (let at = 0; at < count;) {
          const size = this.calm ? count : 1 + Math.floor(random() * random() * count);
          const piece = buffer.slice(at, Math.min(at + size, count));
          at += piece.length;
          if (!this.calm && random() < 0.2) await pause(random() * 3);
          for (let sent = 0; sent < piece.length;) sent += await to.write(piece.subarray(sent));
          if (!this.calm && random() < cut) {
            this.cuts++;
            return;
          }
        }
      }
    } catch {
      // One of the two is gone.
    } finally {
      close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const conn of [...this.#connections]) {
      if (this.#connections.delete(conn)) conn.close();
    }
    while (this.#working.size > 0) await Promise.all(this.#working);
  }
}

/** Waits. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
