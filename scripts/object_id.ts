/**
 * Object ids on the command line.
 *
 * @module
 */

import { type Oid, oid, ROOT_OID } from "../values/mod.ts";
import { UsageError } from "./command.ts";

/** The object that a text stands for: `0x1f`, `31` or `root`. @throws {UsageError} when it is none. */
export function parseOid(text: string): Oid {
  if (text === "root") return ROOT_OID;
  try {
    if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return oid(BigInt(text));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new UsageError(`object id ${JSON.stringify(text)}: expected a number up to 2^64 - 1 like 0x1f or 31`);
}
