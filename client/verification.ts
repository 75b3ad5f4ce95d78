/**
 * What happened while a client was away: asked for on every new connection, before anything else.
 *
 *   known = registered     nothing
 *   known < registered     what changed is replayed, or, when the server doesn't know any more, everything is dropped
 *   known > registered     asked once more; the server went back in time: everything is moved aside, or the server refused
 *
 * What the server tells from its registration on is kept until this is decided; of that, what the replay covers already
 * is left out, and the rest follows at once.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { formatAddress } from "../protocol/mod.ts";
import { formatTid, NO_TID, StorageError, tidBytes } from "../values/mod.ts";
import type { KnownState } from "./known_state.ts";
import { itemsOf, oidsOf, tidOf } from "./replies.ts";
import type { ServerMessages } from "./mailbox.ts";
import { Refusal, type ServerConnection } from "./server_connection.ts";

const log = getLogger(["zeo", "client"]);

/** The server knows less than this client: a backup was restored, or it is another database. */
export class ServerBehindError extends StorageError {}

/**
 * Brings what is known up to the server's state, and takes the connection into use.
 * @param behind What to do with a server that knows less than this client.
 * @throws {Refusal} of a {@linkcode ServerBehindError} when such a one is to be refused.
 */
export async function verify(
  connection: ServerConnection,
  known: KnownState,
  user: ServerMessages,
  behind: "discard" | "refuse",
): Promise<void> {
  let { registeredAt } = connection;
  if (known.lastTid > registeredAt) {
    // While it registered, the connection that it replaces may have told of more.
    registeredAt = await connection.call("lastTransaction", [], tidOf);
  }
  const { lastTid } = known;
  if (lastTid === NO_TID && !known.started) {
    known.begin(registeredAt);
    connection.adopt(user, registeredAt);
  } else if (lastTid > registeredAt) {
    const where = formatAddress(connection.address), at = formatTid(registeredAt);
    const reason = `server ${where} behind client: its last transaction is ${at}, the client knows of ${
      formatTid(lastTid)
    }`;
    if (behind === "refuse") throw new Refusal(new ServerBehindError(reason));
    const { name } = known.cache;
    const aside = known.reset(registeredAt, true);
    log.fatal`${reason}: the cache ${name} is ${aside === undefined ? "dropped" : `moved to ${aside}`}`;
    connection.adopt(user, registeredAt);
  } else if (lastTid === registeredAt) connection.adopt(user, registeredAt);
  else {
    await connection.call("getInvalidations", [tidBytes(lastTid)], (answer) => {
      if (answer === null) {
        log.warn`the server doesn't know any more what changed since ${
          formatTid(lastTid)
        }: the cache ${known.cache.name} is dropped`;
        known.reset(registeredAt);
        connection.adopt(user, registeredAt);
        return;
      }
      const [newest, oids] = itemsOf(answer, "a transaction id and oids");
      const tid = tidOf(newest), changed = [...new Set(oidsOf(oids))];
      log.info`${changed.length} objects have changed since ${formatTid(lastTid)}`;
      // The original may register with an id that is no transaction's: one that it was about to finish when it was killed.
      if (tid > lastTid || changed.length > 0) known.replayed(tid, changed);
      connection.adopt(user, tid);
    });
  }
  known.started = true;
}
