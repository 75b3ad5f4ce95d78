/**
 * Telling a service manager such as systemd how far the program is, as `sd_notify` does: a datagram of `KEY=value`
 * lines to the Unix socket that `NOTIFY_SOCKET` names.
 *
 * The runtime has datagrams over Unix sockets with `--unstable-net` only. Without that flag, or without permission to
 * read the environment, nobody is told anything: a unit of `Type=exec` needs it not.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type ConfigurationHost, configurationHost } from "../host.ts";

const log = getLogger(["zeo", "runzeo"]);

/** The part of the runtime that is there with `--unstable-net`. */
interface DatagramRuntime {
  listenDatagram?(options: { transport: "unixpacket"; path: string }): DatagramSocket;
}

interface DatagramSocket {
  send(bytes: Uint8Array, address: { transport: "unixpacket"; path: string }): Promise<number>;
  close(): void;
}

/** A connection to the service manager that has started this process. */
export class ServiceManager implements Disposable {
  readonly #socket: DatagramSocket;
  /** Where it listens itself. */
  readonly #own: string;
  readonly #path: string;
  #watchdog?: ReturnType<typeof setInterval>;

  private constructor(socket: DatagramSocket, own: string, path: string) {
    this.#socket = socket;
    this.#own = own;
    this.#path = path;
  }

  /** Finds the service manager; undefined when there is none, or when it can't be talked to. */
  static find(host: Partial<ConfigurationHost> = {}): ServiceManager | undefined {
    const { environment } = configurationHost(host);
    const named = environment("NOTIFY_SOCKET") ?? "";
    if (named === "") return undefined;
    const { listenDatagram } = Deno as DatagramRuntime;
    if (listenDatagram === undefined) {
      log
        .info`(${Deno.pid}) a service manager waits to hear when the server is ready: run it with --unstable-net`;
      return undefined;
    }
    try {
      // One has to listen to be able to send. A name that begins with a zero byte needs no file, but permission for the
      // whole network; a file in the service's own directory can be named in a permission.
      const [folder] = (environment("RUNTIME_DIRECTORY") ?? "").split(":");
      const path = folder === "" ? `\0zeo-notify-${Deno.pid}` : `${folder}/notify`;
      removeSocket(path);
      const socket = listenDatagram({ transport: "unixpacket", path });
      const manager = new ServiceManager(socket, path, named.replace(/^@/, "\0"));
      manager.#startWatchdog(environment("WATCHDOG_USEC"), environment("WATCHDOG_PID"));
      return manager;
    } catch (error) {
      log.warn`(${Deno.pid}) the service manager can't be told anything: ${String(error)}`;
    }
  }

  /** The server serves. @param status One line for people. */
  ready(status: string): Promise<void> {
    return this.#tell(`READY=1\nMAINPID=${Deno.pid}\nSTATUS=${status}`);
  }

  /** Log files and certificates are being read again; `ready` says when that is over. */
  reloading(): Promise<void> {
    return this.#tell("RELOADING=1");
  }

  /** The server is being stopped. */
  stopping(): Promise<void> {
    return this.#tell("STOPPING=1\nSTATUS=being stopped");
  }

  /** Shows that the event loop turns, twice as often as asked for. */
  #startWatchdog(microseconds = "", pid = ""): void {
    const interval = Number(microseconds) / 2000;
    if (microseconds === "" || !(interval > 0) || pid !== "" && pid !== String(Deno.pid)) return;
    this.#watchdog = setInterval(() => this.#tell("WATCHDOG=1"), interval);
  }

  async #tell(state: string): Promise<void> {
    try {
      await this.#socket.send(new TextEncoder().encode(state), { transport: "unixpacket", path: this.#path });
    } catch (error) {
      log.warn`(${Deno.pid}) the service manager can't be told ${state.split("\n")[0]}: ${String(error)}`;
    }
  }

  /** Lets go of the socket. */
  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
    this.#socket.close();
    removeSocket(this.#own);
  }
}

/** Removes what a server of the same service has left, this one or the one before. */
function removeSocket(path: string): void {
  if (path.startsWith("\0")) return;
  try {
    if (Deno.lstatSync(path).isSocket) Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
