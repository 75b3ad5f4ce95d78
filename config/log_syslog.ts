/**
 * `<syslog>`: one datagram for each record.
 *
 *   <facility × 8 + severity>text NUL
 *
 * @module
 */

import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { SyslogAddress } from "./eventlog_section.ts";
import { Outbox } from "./log_outbox.ts";

const FACILITIES: ReadonlyMap<string, number> = new Map([
  ["kern", 0],
  ["user", 1],
  ["mail", 2],
  ["daemon", 3],
  ["auth", 4],
  ["security", 4],
  ["syslog", 5],
  ["lpr", 6],
  ["news", 7],
  ["uucp", 8],
  ["cron", 9],
  ["authpriv", 10],
  ...Array.from({ length: 8 }, (_, number): [string, number] => [`local${number}`, 16 + number]),
]);

/** Names that the key `facility` takes. */
export const FACILITY_NAMES: readonly string[] = [...FACILITIES.keys()];

/** Levels that syslog has a severity for. All others are warnings, odd as that is: the original sends them so. */
const SEVERITIES: ReadonlyMap<number, number> = new Map([[10, 7], [20, 6], [30, 4], [40, 3], [50, 2]]);

/** Longest message in bytes; a datagram that is longer would be refused whole. */
const LONGEST_MESSAGE = 60_000;

/** The bytes of a syslog message. */
export function syslogMessage(facility: string, level: number, text: string): Uint8Array<ArrayBuffer> {
  const priority = (FACILITIES.get(facility) ?? 1) * 8 + (SEVERITIES.get(level) ?? 4);
  const bytes = new TextEncoder().encode(`<${priority}>${text}\0`);
  if (bytes.length <= LONGEST_MESSAGE) return bytes;
  const cut = bytes.slice(0, LONGEST_MESSAGE);
  cut[cut.length - 1] = 0;
  return cut;
}

/** A way to get bytes to a syslog daemon. */
interface Transport {
  send(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): void;
}

/** Sends lines to a syslog daemon. */
export class Syslog {
  readonly #facility: string;
  readonly #transport: Transport;
  readonly #outbox: Outbox<Uint8Array<ArrayBuffer>>;

  constructor(facility: string, address: SyslogAddress, report: (error: unknown) => void) {
    this.#facility = facility;
    const transport = "path" in address ? new UnixTransport(address.path) : new UdpTransport(address);
    this.#transport = transport;
    this.#outbox = new Outbox((bytes) => transport.send(bytes), report);
  }

  /** Sends a line, some time soon. */
  put(level: number, text: string): void {
    this.#outbox.put(syslogMessage(this.#facility, level, text));
  }

  /** Resolves when everything has been sent. */
  flush(): Promise<void> {
    return this.#outbox.flush();
  }

  /** Drops what has not been sent, and closes the socket. */
  close(): void {
    this.#outbox.close();
    this.#transport.close();
  }
}

class UdpTransport implements Transport {
  readonly #address: { readonly host: string; readonly port: number };
  #socket: Socket | undefined;
  #closed = false;

  constructor(address: { readonly host: string; readonly port: number }) {
    this.#address = address;
  }

  send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const socket = this.#socket ??= this.#open();
    return new Promise((resolve, reject) => {
      socket.send(
        bytes,
        this.#address.port,
        this.#address.host,
        (error) => error ? reject(error) : resolve(),
      );
    });
  }

  #open(): Socket {
    const socket = createSocket(isIPv6(this.#address.host) ? "udp6" : "udp4");
    // Sending reports its own errors; what comes later (an ICMP refusal) must not end the process.
    socket.on("error", () => {});
    socket.unref();
    return socket;
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close();
    this.#socket = undefined;
  }
}

/** The part of `Deno.listenDatagram` that is there only with `--unstable-net`. */
interface DatagramRuntime {
  listenDatagram?(options: { transport: "unixpacket"; path: string }): Datagram;
}

interface Datagram {
  send(bytes: Uint8Array, to: { transport: "unixpacket"; path: string }): Promise<number>;
  close(): void;
}

/** A Unix socket: of datagrams where the runtime has them, else a stream. */
class UnixTransport implements Transport {
  readonly #path: string;
  #datagram: Datagram | undefined;
  #ownPath: string | undefined;
  #stream: Deno.Conn | undefined;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  async send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#closed) return;
    const datagram = this.#datagram ?? this.#openDatagram();
    if (datagram !== undefined) {
      await datagram.send(bytes, { transport: "unixpacket", path: this.#path });
      return;
    }
    const stream = this.#stream ?? await this.#openStream();
    try {
      for (let sent = 0; sent < bytes.length;) sent += await stream.write(bytes.subarray(sent));
    } catch (error) {
      // A daemon that was restarted: the next line connects again.
      stream.close();
      this.#stream = undefined;
      throw error;
    }
  }

  #openDatagram(): Datagram | undefined {
    const runtime: DatagramRuntime = Deno as DatagramRuntime;
    if (runtime.listenDatagram === undefined) return undefined;
    this.#ownPath = Deno.makeTempFileSync({ prefix: "zeo-log-" });
    Deno.removeSync(this.#ownPath);
    this.#datagram = runtime.listenDatagram({ transport: "unixpacket", path: this.#ownPath });
    return this.#datagram;
  }

  async #openStream(): Promise<Deno.Conn> {
    try {
      this.#stream = await Deno.connect({ transport: "unix", path: this.#path });
    } catch (error) {
      if (!/os error 91\b/.test(String(error))) throw error;
      throw new Error(
        `${this.#path} takes datagrams, and this runtime sends them to Unix sockets only with --unstable-net; ` +
          "give syslog's UDP address, or run with that flag",
        { cause: error },
      );
    }
    if (this.#closed) this.close();
    return this.#stream!;
  }

  close(): void {
    this.#closed = true;
    this.#stream?.close();
    this.#stream = undefined;
    this.#datagram?.close();
    this.#datagram = undefined;
    if (this.#ownPath === undefined) return;
    try {
      Deno.removeSync(this.#ownPath);
    } catch {
      // A temporary name that is gone already is what we want.
    }
    this.#ownPath = undefined;
  }
}
