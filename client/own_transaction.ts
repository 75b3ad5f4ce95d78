/**
 * When a client's own transaction can be seen by it: when everything before it is known, and before anything after it.
 *
 * @module
 */

import { ClientDisconnected, formatTid, type Tid } from "../values/mod.ts";
import type { ServerConnection } from "./server_connection.ts";

/**
 * Makes a transaction visible that the server has just said to be committed; at once, where the server tells in order.
 *
 * The original answers at once, and lets invalidations wait for their turn: those of transactions before this one may be on
 * their way still. They come before the answer to whatever is asked now.
 *
 *   ◀ tpc_finish: 20    ▶ ping    ◀ invalidation(10, x)    ◀ ping    now 20 can be seen
 *
 * @param show Called once, while a message is handled.
 * @returns When it was called, unless it has been already.
 * @throws {ClientDisconnected} when it was not, as the connection is lost.
 */
export function showOwnTransaction(
  connection: ServerConnection,
  tid: Tid,
  show: () => void,
): Promise<void> | undefined {
  if (connection.ordered) {
    show();
    return;
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let shown = false;
  const once = () => {
    if (shown) return;
    shown = true;
    show();
    resolve();
  };
  connection.precede(tid, once);
  connection.call("ping", [], once).catch((cause) => {
    const reason = `transaction ${
      formatTid(tid)
    } is committed; the connection was lost before it could be seen`;
    reject(new ClientDisconnected(reason, { cause }));
  });
  return promise;
}
