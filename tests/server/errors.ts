/**
 * Asserting how calls of a {@linkcode WireClient} fail.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { RemoteError } from "./wire_client.ts";

const PREFIXES = ["ZODB.POSException.", "ZODB.FileStorage.FileStorage.", "builtins."];

/** Asserts that a call fails on the server with an error of this class; the module may be left away. */
export async function assertFails(call: Promise<unknown>, name: string): Promise<RemoteError> {
  let answer: unknown;
  try {
    answer = await call;
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    const prefix = PREFIXES.find((prefix) => error.pythonName.startsWith(prefix));
    assertEquals(name.includes(".") ? error.pythonName : error.pythonName.slice(prefix?.length), name);
    return error;
  }
  throw new Error(`expected ${name}, the answer is ${answer}`);
}
