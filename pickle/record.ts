/**
 * Records: a class description and a state, two pickles that share one memo.
 *
 *   80 03 c module \n name \n …  2e    the class; or (class, arguments of __new__); or ((module, name), …)
 *   80 03 state …                2e
 *
 * @module
 */

import { PickleError } from "./error.ts";
import type { PickleReaderOptions } from "./machine.ts";
import { namedGlobal } from "./names.ts";
import { PickleReader } from "./reader.ts";
import { readText } from "./text.ts";
import { Global, Tuple, type Value } from "./value.ts";
import { PickleWriter, type Writable } from "./writer.ts";

/** The two values of a record. */
export interface RecordParts {
  /** The class description: a global, or a tuple of it (or of its module and name) and arguments. */
  readonly class: Value;
  /** What the object's state is set from. */
  readonly state: Value;
}

/**
 * Reads a record's class description and state.
 *
 * @param options For instance `nonAscii`; what makes a record, a shared memo and persistent references, is
 * set.
 *
 * @throws {PickleError} when it is not two pickles and nothing more, or one of them is malformed.
 */
export function readRecord(record: Uint8Array, options?: PickleReaderOptions): RecordParts {
  const reader = new PickleReader(record, { ...options, persistent: true, sharedMemo: true });
  const parts = { class: reader.read(), state: reader.read() };
  if (!reader.atEnd) throw new PickleError("bytes follow the record's state", reader.position);
  return parts;
}

/**
 * A record of a class description and a state.
 *
 * @throws {PickleError} when one of them has a part that no pickle can hold.
 *
 * @example
 * ```ts
 * import { Global, readRecord, writeRecord } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const record = writeRecord(new Global("BTrees.Length", "Length"), 5);
 * assertEquals(record.toHex(), "8003634254726565732e4c656e6774680a4c656e6774680a71002e" + "80034b052e");
 * assertEquals(readRecord(record).state, 5);
 * ```
 */
export function writeRecord(classDescription: Writable, state: Writable): Uint8Array<ArrayBuffer> {
  return new PickleWriter().write(classDescription).write(state).bytes();
}

const PROTO = 0x80, GLOBAL = 0x63, MARK = 0x28;
/** A sniffed name is not looked for further than this. */
const MAX_NAME = 4096;

/**
 * The class of a record, undefined when the bytes don't say. Looks at the first bytes only where it can;
 * never throws.
 *
 * @example
 * ```ts
 * import { Global, recordClass, writeRecord } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(recordClass(writeRecord(new Global("a.b", "C"), null)), new Global("a.b", "C"));
 * assertEquals(recordClass(new Uint8Array([1, 2, 3])), undefined);
 * ```
 */
export function recordClass(record: Uint8Array): Global | undefined {
  try {
    return sniffClass(record) ?? readClass(record);
  } catch (error) {
    if (error instanceof PickleError) return undefined;
    throw error;
  }
}

function sniffClass(record: Uint8Array): Global | undefined {
  let at = 0, protocol = 0;
  if (record[0] === PROTO) {
    protocol = record[1];
    at = 2;
  }
  if (record[at] === MARK) at++;
  if (record[at++] !== GLOBAL) return undefined;
  const moduleEnd = lineEnd(record, at), nameEnd = lineEnd(record, moduleEnd + 1);
  if (moduleEnd < 0 || nameEnd < 0) return undefined;
  return namedGlobal(readText(record, at, moduleEnd), readText(record, moduleEnd + 1, nameEnd), protocol);
}

function lineEnd(bytes: Uint8Array, start: number): number {
  const end = Math.min(bytes.length, start + MAX_NAME);
  for (let i = start; i < end; i++) if (bytes[i] === 0x0a) return i;
  return -1;
}

function readClass(record: Uint8Array): Global | undefined {
  let description = new PickleReader(record, { persistent: true, nonAscii: "latin1" }).read();
  if (description instanceof Tuple) description = description.items[0];
  if (description instanceof Global) return description;
  if (!(description instanceof Tuple)) return undefined;
  const [module, name] = description.items;
  return typeof module === "string" && typeof name === "string" ? new Global(module, name) : undefined;
}
