/**
 * Monitors for tests, and asking them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Address } from "../../protocol/mod.ts";
import { Monitor } from "../../server/mod.ts";
import { Numbers } from "./prometheus_text.ts";
import { Serving, type ServingOptions } from "./serving.ts";

/** What `/status` says of a connection. */
export interface ConnectionStatus {
  readonly peer: string;
  readonly storage: string | null;
  readonly client: string;
  readonly readOnly: boolean;
  readonly transaction: string | null;
  readonly calls: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly bufferedBytes: number;
}

/** What `/status` says. */
export interface FullStatus {
  readonly state: string;
  readonly openConnections: number;
  readonly connections: readonly ConnectionStatus[];
  readonly storages: readonly Readonly<Record<string, unknown>>[];
}

/** A server with a monitor; disposing it closes the server first. */
export class Monitored implements AsyncDisposable {
  private constructor(readonly serving: Serving, readonly monitor: Monitor) {}

  static async start(options: ServingOptions = {}, address?: Address): Promise<Monitored> {
    const serving = await Serving.start(options);
    const local = { transport: "tcp", hostname: "", port: 0 } as const;
    return new Monitored(serving, await Monitor.start(serving.server, address ?? local));
  }

  /** Asks for a page. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    const { address } = this.monitor;
    if (address.transport !== "tcp") throw new Error("only over TCP");
    return fetch(`http://${address.hostname}:${address.port}${path}`, init);
  }

  async metrics(): Promise<Numbers> {
    const response = await this.fetch("/metrics");
    assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    return new Numbers(await response.text());
  }

  async status(): Promise<FullStatus> {
    return await (await this.fetch("/status")).json();
  }

  /** The status code of `/readyz` and what it says. */
  async ready(): Promise<[number, { ready: boolean; reason?: string; storages: Record<string, unknown> }]> {
    const response = await this.fetch("/readyz");
    return [response.status, await response.json()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.serving[Symbol.asyncDispose]();
    await this.monitor.close();
  }
}
