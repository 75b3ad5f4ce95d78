/**
 * What a server tells unasked. Until a connection is in use it is kept.
 *
 * @module
 */

import type { Dict, Value } from "../pickle/mod.ts";
import { NO_TID, type Oid, ProtocolError, type Tid } from "../values/mod.ts";
import type { BlobReceiver } from "./blob_seam.ts";
import { bytesOf, dictOf, itemsOf, oidOf, oidsOf, tidOf } from "./replies.ts";

/** Hears what a server tells. */
export interface ServerMessages {
  /** A transaction of somebody else has changed these objects. */
  invalidated(tid: Tid, oids: readonly Oid[]): void;
  /** Sizes have changed. */
  informed(info: Dict): void;
  /** Where contents of blobs go. */
  readonly blobs?: BlobReceiver;
}

/** Objects in invalidations that are kept. */
const MOST_KEPT = 1 << 20;

/** See the module. */
export class Mailbox {
  #user?: ServerMessages;
  #kept: { readonly tid: Tid; readonly oids: readonly Oid[] }[] = [];
  #keptOids = 0;
  #after = NO_TID;
  #due?: { readonly tid: Tid; readonly act: () => void };

  /**
   * From now on a user hears everything, but for the transactions up to one, of which it knows: what tells of them may have
   * been kept, or come yet, since the original answers a question before it tells what it has been about to tell.
   */
  open(user: ServerMessages, after: Tid): void {
    const kept = this.#kept;
    this.#kept = [];
    this.#user = user;
    this.#after = after;
    for (const { tid, oids } of kept) if (tid > after) user.invalidated(tid, oids);
  }

  /** Has something done before the user hears of any transaction after one. Another one's turn comes when that is done. */
  precede(tid: Tid, act: () => void): void {
    this.#due = { tid, act };
  }

  /** From now on nobody hears anything. */
  close(): void {
    this.#due = undefined;
    this.#user?.blobs?.lost();
    this.#user = undefined;
    this.#kept = [];
  }

  /** Handles a call. @returns Whether there is such a one. */
  handle(name: string, args: Value): boolean {
    const items = itemsOf(args, "arguments");
    switch (name) {
      case "invalidateTransaction":
        this.#invalidated(tidOf(items[0]), [...new Set(oidsOf(items[1]))]);
        return true;
      case "info":
        this.#user?.informed(dictOf(items[0]));
        return true;
      case "receiveBlobStart":
        this.#user?.blobs?.start(oidOf(items[0]), tidOf(items[1]));
        return true;
      case "receiveBlobChunk": {
        const chunk = items[2] instanceof Uint8Array ? items[2] : bytesOf(items[2]);
        this.#user?.blobs?.chunk(oidOf(items[0]), tidOf(items[1]), chunk);
        return true;
      }
      case "receiveBlobStop":
        this.#user?.blobs?.stop(oidOf(items[0]), tidOf(items[1]));
        return true;
    }
    return false;
  }

  #invalidated(tid: Tid, oids: readonly Oid[]): void {
    if (this.#due && tid > this.#due.tid) this.#due.act();
    if (this.#user) {
      if (tid > this.#after) this.#user.invalidated(tid, oids);
      return;
    }
    this.#kept.push({ tid, oids });
    this.#keptOids += oids.length + 1;
    if (this.#keptOids > MOST_KEPT) {
      throw new ProtocolError(`more than ${MOST_KEPT} invalidations before the connection was in use`);
    }
  }
}
