/**
 * Connections with TLS. Nobody who is slow to shake hands, or doesn't know how, is in anybody else's way.
 *
 * @module
 */

import { createServer, type Server, type Socket } from "node:net";
import { type Address, connectionError, formatAddress, type TlsTransport } from "../protocol/mod.ts";
import { type Accepted, type Listener, removeSocket } from "./listener.ts";
import { TlsHandshakes, type TlsServerOptions } from "./tls_handshakes.ts";

/** See the module. */
export class TlsListener implements Listener {
  readonly address: Address;
  readonly #server: Server;
  #handshakes: TlsHandshakes;
  /** Connections that wait to be accepted, and those who wait for one: one of them is empty. */
  readonly #arrived: Socket[] = [];
  readonly #accepting: PromiseWithResolvers<Accepted>[] = [];
  readonly #open = new Set<TlsTransport>();
  #closed?: Promise<void>;

  private constructor(address: Address, server: Server, handshakes: TlsHandshakes) {
    this.#server = server;
    this.#handshakes = handshakes;
    const bound = server.address();
    this.address = address.transport === "tcp" && bound && typeof bound === "object"
      ? { ...address, port: bound.port }
      : address;
    server.on("connection", (raw) => this.#take(raw));
    server.on("error", (error) => {
      const waiting = this.#accepting.shift();
      waiting?.reject(connectionError(error));
    });
  }

  /**
   * Starts to listen.
   *
   * @throws {TlsError} when a certificate or key can't be used; then nothing was opened
   * @throws {Deno.errors.AddrInUse} when somebody else does, and other errors of the system
   */
  static async start(address: Address, options: TlsServerOptions): Promise<TlsListener> {
    const handshakes = new TlsHandshakes(options);
    return new TlsListener(address, await open(address), handshakes);
  }

  /**
   * From now on, hands are shaken with these certificates. Connections that are there stay.
   *
   * @throws {TlsError} when one can't be used; nothing is changed then
   */
  reload(options: TlsServerOptions): void {
    this.#handshakes = new TlsHandshakes(options);
  }

  accept(): Promise<Accepted> {
    if (this.#closed) return Promise.reject(new Deno.errors.BadResource("the listener is closed"));
    const raw = this.#arrived.shift();
    if (raw) return Promise.resolve(this.#accepted(raw));
    const waiting = Promise.withResolvers<Accepted>();
    this.#accepting.push(waiting);
    return waiting.promise;
  }

  #take(raw: Socket): void {
    raw.on("error", () => {}); // The handshake tells; without a listener it would end the process.
    if (this.#closed) {
      raw.destroy();
      return;
    }
    const waiting = this.#accepting.shift();
    if (waiting) waiting.resolve(this.#accepted(raw));
    else this.#arrived.push(raw);
  }

  #accepted(raw: Socket): Accepted {
    const handshakes = this.#handshakes;
    return {
      peer: peerOf(raw),
      establish: () => this.#establish(raw, handshakes),
      close: () => raw.destroy(),
    };
  }

  async #establish(raw: Socket, handshakes: TlsHandshakes): Promise<TlsTransport> {
    const transport = await handshakes.shake(raw);
    this.#open.add(transport);
    transport.closed.then(() => this.#open.delete(transport));
    return transport;
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    const closed = Promise.withResolvers<void>();
    // Calls back when the last of its connections is gone, too.
    this.#server.close(() => closed.resolve());
    const failure = new Deno.errors.BadResource("the listener is closed");
    for (const { reject } of this.#accepting.splice(0)) reject(failure);
    for (const raw of this.#arrived.splice(0)) raw.destroy();
    if (this.address.transport === "unix") removeSocket(this.address.path);
    await closed.promise;
    for (const transport of this.#open) await transport.closed;
  }
}

async function open(address: Address): Promise<Server> {
  if (address.transport === "unix") {
    removeSocket(address.path);
    return await bind({ path: address.path });
  }
  if (address.hostname !== "") return await bind({ host: address.hostname, port: address.port });
  try {
    return await bind({ host: "::", port: address.port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return await bind({ host: "0.0.0.0", port: address.port });
  }
}

function bind(
  where: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const server = createServer({ noDelay: true });
  const fail = (error: Error) => reject(connectionError(error));
  server.once("error", fail);
  server.listen(where, () => {
    server.off("error", fail);
    resolve(server);
  });
  return promise;
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  if (remoteAddress === undefined || remotePort === undefined) return "unix socket";
  return formatAddress({ transport: "tcp", hostname: remoteAddress, port: remotePort });
}
