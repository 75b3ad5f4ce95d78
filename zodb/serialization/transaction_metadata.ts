/**
 * What a transaction says about itself, as it is stored.
 *
 * @module
 */

import { type Dict, dumpPickle, type Writable } from "../../pickle/mod.ts";
import type { TransactionMetadata } from "../../storage/mod.ts";
import { classes } from "../classes.ts";
import type { Transaction } from "../transaction/transaction.ts";
import { StateWriter } from "./state_writer.ts";

const encoder = new TextEncoder();

/** What a transaction says about itself, as it is stored. */
export function metadataOf(transaction: Transaction): TransactionMetadata {
  const { user, description, extension } = transaction;
  const writer = new StateWriter({
    classes,
    reference: refuseObject,
    weakReference: refuseObject,
  });
  const pickled = writer.write(extension) as Dict;
  return {
    user: encoder.encode(user),
    description: encoder.encode(description),
    extension: pickled.size === 0 ? new Uint8Array(0) : dumpPickle(pickled as Writable),
  };
}

function refuseObject(): never {
  throw new TypeError("a transaction's extension can't hold persistent objects");
}
