/**
 * What a client storage tells an application that wants to know.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Address } from "../protocol/mod.ts";
import type { Oid, Tid } from "../values/mod.ts";

const log = getLogger(["zeo", "client"]);

/** The events of a client storage, by their names. */
export interface ClientEvents {
  /** A server is connected, what was missed is known, and calls are answered. */
  readonly connected: { readonly address: Address; readonly readOnly: boolean };
  /** The connection is lost, or was ended for a better one; `reason` is undefined when it was ended on purpose. */
  readonly disconnected: { readonly address: Address; readonly reason?: Error };
  /** A transaction of somebody else has changed these objects; the storage shows it already. */
  readonly invalidated: { readonly tid: Tid; readonly oids: readonly Oid[] };
  /** Transactions were missed, and any object may have changed. */
  readonly reset: { readonly tid: Tid };
  /** The server that is connected now takes no changes. */
  readonly readonly: { readonly address: Address };
  /** The server that is connected now takes changes. */
  readonly readwrite: { readonly address: Address };
}

/** Hears one kind of event. */
export type ClientListener<K extends keyof ClientEvents> = (event: ClientEvents[K]) => void;

/** Listeners by the names of events. */
export class ClientListeners {
  readonly #listeners = new Map<keyof ClientEvents, Set<(event: never) => void>>();

  /** Adds a listener, until what is returned is disposed of. */
  on<K extends keyof ClientEvents>(name: K, listener: ClientListener<K>): Disposable {
    let listeners = this.#listeners.get(name);
    if (!listeners) this.#listeners.set(name, listeners = new Set());
    // The same function may listen twice.
    const own: ClientListener<K> = (event) => listener(event);
    listeners.add(own);
    return { [Symbol.dispose]: () => void listeners.delete(own) };
  }

  /** Whether anybody listens. */
  has(name: keyof ClientEvents): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  /** Tells everybody. What a listener throws goes to the log and disturbs nobody else. */
  emit<K extends keyof ClientEvents>(name: K, event: ClientEvents[K]): void {
    for (const listener of [...this.#listeners.get(name) ?? []]) {
      try {
        (listener as ClientListener<K>)(event);
      } catch (error) {
        log.error`a listener to ${name} failed: ${String(error)}`;
      }
    }
  }
}
