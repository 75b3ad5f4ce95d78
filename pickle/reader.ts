/**
 * Reading pickles, of protocols 0 to 5, as data.
 *
 * @module
 */

import { PickleError } from "./error.ts";
import { Machine, type PickleReaderOptions } from "./machine.ts";
import { run } from "./opcodes.ts";
import type { Value } from "./value.ts";

/**
 * Reads the pickles that follow each other in some bytes. Nothing in them can run code, recurse, or take more
 * time or memory than grows with their length.
 *
 * @example
 * ```ts
 * import { PickleReader } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const reader = new PickleReader(Uint8Array.fromHex("80034b012e80034e2e"));
 * assertEquals(reader.read(), 1);
 * assertEquals(reader.read(), null);
 * assertEquals(reader.atEnd, true);
 * ```
 */
export class PickleReader {
  readonly #machine: Machine;

  /** A reader of these bytes, which are not copied. */
  constructor(bytes: Uint8Array, options: PickleReaderOptions = {}) {
    this.#machine = new Machine(bytes, options);
  }

  /** Where the next pickle starts. */
  get position(): number {
    return this.#machine.position;
  }

  /** Whether all bytes are read. */
  get atEnd(): boolean {
    return this.#machine.position >= this.#machine.bytes.length;
  }

  /**
   * The next pickle's value.
   *
   * @throws {PickleError} when there is none, when it is malformed or cut short, or has what the options
   * forbid.
   */
  read(): Value {
    this.#machine.reset();
    return run(this.#machine);
  }
}

/**
 * The value of the one pickle that the bytes are.
 *
 * @throws {PickleError} when it is malformed, cut short, has what the options forbid, or bytes follow it.
 *
 * @example
 * ```ts
 * import { loadPickle } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(loadPickle(Uint8Array.fromHex("80035d284b014b02652e")), [1, 2]);
 * ```
 */
export function loadPickle(bytes: Uint8Array, options?: PickleReaderOptions): Value {
  const reader = new PickleReader(bytes, options), value = reader.read();
  if (!reader.atEnd) throw new PickleError("bytes follow the pickle's end", reader.position);
  return value;
}
