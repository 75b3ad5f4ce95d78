/**
 * What the storage tells of its transactions, for people.
 *
 * @module
 */

import type { Revision, UndoEntry } from "../storage/mod.ts";
import type { Tid } from "../values/mod.ts";

/** What a transaction says about itself. */
export interface TransactionInfo {
  /** The transaction. */
  readonly tid: Tid;
  /** Who. */
  readonly user: string;
  /** What for. */
  readonly description: string;
  /** Bytes that it takes, or the object's revision in it. */
  readonly size: number;
}

const decoder = new TextDecoder();

/** The same in texts. */
export function transactionInfo({ tid, user, description, size }: UndoEntry | Revision): TransactionInfo {
  return { tid, user: decoder.decode(user), description: decoder.decode(description), size };
}
