/**
 * Monitoring over HTTP.
 *
 *   /healthz   200 while the process lives and its event loop turns
 *   /readyz    200 while all storages do what they are set up for, else 503; JSON says why
 *   /metrics   numbers for Prometheus, text format 0.0.4
 *   /status    the same and more as JSON, also each connection by itself
 *
 * There is no authentication: who can connect can read who else is connected, and file names. Let it listen on this
 * machine only, on a Unix socket, or behind something that asks who is there. It changes nothing and runs nothing.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Address, formatAddress } from "../../protocol/mod.ts";
import { addressInUse } from "../listener.ts";
import { ClientLabels } from "./client_labels.ts";
import { EventLoopLag } from "./event_loop.ts";
import type { Watched } from "./measures.ts";
import type { Moment } from "./metric.ts";
import { type Page, PageServer } from "./page_server.ts";
import { PROMETHEUS_TYPE, prometheusText } from "./prometheus.ts";
import { readinessOf } from "./readiness.ts";
import { Renderings } from "./renderings.ts";
import { statusJson } from "./status.ts";

const log = getLogger(["zeo", "server", "monitor"]);

const JSON_TYPE = "application/json";

/**
 * Serves what is measured of a server. It is to be closed after the server, so that it can tell that the server is
 * being closed.
 *
 * @example
 * ```ts ignore
 * await using server = await StorageServer.start(options);
 * await using monitor = await Monitor.start(server, { transport: "tcp", hostname: "127.0.0.1", port: 8101 });
 * console.log(await (await fetch("http://127.0.0.1:8101/readyz")).json());
 * ```
 */
export class Monitor implements AsyncDisposable {
  /** Where it listens; with the port that it really has. */
  readonly address: Address;
  readonly #server: Watched;
  readonly #pages: PageServer;
  readonly #lag = new EventLoopLag();
  readonly #labels = new ClientLabels();
  readonly #renderings = new Renderings();
  #closed = false;

  /**
   * Starts to listen.
   * @param server What is monitored.
   * @param address Where to listen; port 0 is any that is free, an empty host name this machine only.
   * @throws {Deno.errors.AddrInUse} when somebody else does, and other errors of the system.
   */
  static async start(server: Watched, address: Address): Promise<Monitor> {
    if (address.transport === "unix" && await addressInUse(address)) {
      throw new Deno.errors.AddrInUse(`${formatAddress(address)}: another server listens there`);
    }
    const local = address.transport === "tcp" && address.hostname === "";
    let monitor: Monitor | undefined;
    const pages = await PageServer.start(
      local ? { ...address, hostname: "127.0.0.1" } : address,
      (method, path) => monitor!.#page(method, path),
    );
    return monitor = new Monitor(server, pages);
  }

  private constructor(server: Watched, pages: PageServer) {
    this.#server = server;
    this.#pages = pages;
    this.address = pages.address;
    log.info`monitor listening on ${formatAddress(this.address)}`;
  }

  /** Stops to listen and ends what is under way. A second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#lag[Symbol.dispose]();
    this.#renderings.close();
    await this.#pages.close();
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #page(method: string, path: string): Promise<Page> {
    const pages: Readonly<Record<string, () => Page | Promise<Page>>> = {
      "/healthz": () => jsonPage(200, { status: "alive", eventLoopLagSeconds: this.#lag.last }),
      "/readyz": () => this.#readyz(),
      "/metrics": () => this.#rendered("metrics", PROMETHEUS_TYPE, prometheusText),
      "/status": () => this.#rendered("status", JSON_TYPE, statusJson),
    };
    if (!Object.hasOwn(pages, path)) {
      return jsonPage(404, { error: "there is no such page", pages: Object.keys(pages) });
    }
    if (method !== "GET" && method !== "HEAD") {
      return { ...jsonPage(405, { error: "only GET and HEAD" }), headers: { allow: "GET, HEAD" } };
    }
    try {
      return await pages[path]();
    } catch (error) {
      log.error`monitor: ${path} failed: ${String(error)}`;
      return jsonPage(500, { error: "it could not be measured; the log says why" });
    }
  }

  #readyz(): Page {
    const readiness = readinessOf(this.#server);
    return jsonPage(readiness.ready ? 200 : 503, readiness);
  }

  async #rendered(name: string, type: string, render: (moment: Moment) => string): Promise<Page> {
    const body = await this.#renderings.get(name, () => render(this.#moment()));
    return { status: 200, type, body };
  }

  #moment(): Moment {
    return {
      server: this.#server.measure(),
      lag: this.#lag,
      labels: this.#labels,
      memory: Deno.memoryUsage(),
    };
  }
}

function jsonPage(status: Page["status"], value: unknown): Page {
  return { status, type: JSON_TYPE, body: new TextEncoder().encode(JSON.stringify(value)) };
}
