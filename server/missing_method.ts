/**
 * What a kind of storage doesn't offer.
 *
 * @module
 */

import { PythonError } from "../protocol/mod.ts";
import type { Storage } from "../storage/mod.ts";

/** The error that the original tells of a method that a storage hasn't got. */
export function missingMethod({ kind }: Storage, method: string): PythonError {
  return new PythonError("builtins.AttributeError", `'${kind}' object has no attribute '${method}'`);
}
