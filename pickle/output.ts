/**
 * A growing buffer that takes the parts of a pickle (protocol 3), one call each: what the writer and hot code
 * on the wire write with. Nothing is memoized here.
 *
 *   none N   bool 88 89   int K M J 8a 8b   float G   str X   bytes C B
 *   tuple ) 85 86 87, mark ( … t   list ] a, ] ( … e   dict } s, } ( … u
 *
 * @module
 */

import { PickleError } from "./error.ts";
import { integerBytes } from "./integer.ts";
import { textLength, writeText } from "./text.ts";

const DEFAULT_LIMIT = 1 << 30;
const scratch = new DataView(new ArrayBuffer(8));
/** Shorter ones are copied byte by byte, which is quicker than a call. */
const TINY = 16;

/**
 * Writes the parts of pickles into a buffer that grows.
 *
 * @example
 * ```ts
 * import { PickleOutput } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const out = new PickleOutput();
 * out.proto().mark().int(1).bool(false).str("ping").tuple(0).endTuple().stop();
 * assertEquals(out.view().toHex(), "8003284b0189580400000070696e6729742e");
 * ```
 */
export class PickleOutput {
  #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;
  readonly #limit: number;

  /**
   * An empty output.
   *
   * @param size Bytes to start with.
   * @param limit Bytes it may grow to; beyond, a call throws a {@linkcode PickleError}. 1 GiB.
   */
  constructor(size = 256, limit = DEFAULT_LIMIT) {
    this.#buffer = new Uint8Array(size);
    this.#limit = limit;
  }

  /** How many bytes are written. */
  get length(): number {
    return this.#length;
  }

  /** What is written, until the next call: a view. */
  view(start = 0): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(start, this.#length);
  }

  /** What is written, as bytes of their own; the output is empty then. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** Forgets what is written from `length` on; the buffer is kept. */
  truncate(length = 0): void {
    if (!(length >= 0 && length <= this.#length)) {
      throw new RangeError(`length ${length}: have ${this.#length}`);
    }
    this.#length = length;
  }

  /** Leaves `count` bytes free, for a frame's length, say, and returns where they are. */
  reserve(count: number): number {
    const at = this.#room(count);
    this.#buffer.fill(0, at, at + count);
    this.#length = at + count;
    return at;
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#copy(bytes, at);
    this.#length = at + bytes.length;
    return this;
  }

  /** The start of a pickle of protocol 3. */
  proto(): this {
    return this.two(0x80, 3);
  }

  /** The end of a pickle. */
  stop(): this {
    return this.one(0x2e);
  }

  /** None. */
  none(): this {
    return this.one(0x4e);
  }

  /** True or False. */
  bool(value: boolean): this {
    return this.one(value ? 0x88 : 0x89);
  }

  /**
   * An int.
   *
   * @throws {PickleError} when a `number` is not whole, or beyond ±(2^53 - 1), where it may not be what was
   * meant.
   */
  int(value: number | bigint): this {
    if (typeof value === "bigint") {
      if (value > 0x7fff_ffffn || value < -0x8000_0000n) return this.#long(integerBytes(value));
      value = Number(value);
    }
    if (value >= 0 && value <= 0xff) return this.two(0x4b, this.#whole(value));
    if (value >= 0 && value <= 0xffff) {
      const at = this.#room(3), buffer = this.#buffer;
      buffer[at] = 0x4d;
      buffer[at + 1] = this.#whole(value);
      buffer[at + 2] = value >>> 8;
      this.#length = at + 3;
      return this;
    }
    if (value === (value | 0)) return this.one32(0x4a, value);
    return this.#largeInt(this.#whole(value));
  }

  /** A float, also when it is a whole number. */
  float(value: number): this {
    const at = this.#room(9), buffer = this.#buffer;
    scratch.setFloat64(0, value);
    buffer[at] = 0x47;
    for (let i = 0; i < 8; i++) buffer[at + 1 + i] = scratch.getUint8(i);
    this.#length = at + 9;
    return this;
  }

  /** A str. */
  str(text: string): this {
    // Room for the worst case spares a walk through the text, unless only the real length fits under the
    // limit.
    const worst = 5 + 3 * text.length;
    const room = this.#length + worst <= this.#limit ? worst : 5 + textLength(text);
    const at = this.#room(room), buffer = this.#buffer;
    const length = writeText(text, buffer, at + 5);
    buffer[at] = 0x58;
    put32(buffer, at + 1, length);
    this.#length = at + 5 + length;
    return this;
  }

  /** Bytes. */
  bytes(bytes: Uint8Array): this {
    const { length } = bytes, at = this.#room(5 + length), buffer = this.#buffer;
    let head = 2;
    if (length < 0x100) {
      buffer[at] = 0x43;
      buffer[at + 1] = length;
    } else {
      head = 5;
      buffer[at] = 0x42;
      put32(buffer, at + 1, length);
    }
    this.#copy(bytes, at + head);
    this.#length = at + head + length;
    return this;
  }

  /**
   * A tuple of the last `count` values. A longer one is made by {@linkcode mark} and {@linkcode endTuple}.
   */
  tuple(count: 0 | 1 | 2 | 3): this {
    return this.one(count === 0 ? 0x29 : 0x84 + count);
  }

  /** Where the items of a tuple, list or dict start. */
  mark(): this {
    return this.one(0x28);
  }

  /** A tuple of all since the mark; Python writes tuples of four and more so. */
  endTuple(): this {
    return this.one(0x74);
  }

  /** An empty list. */
  list(): this {
    return this.one(0x5d);
  }

  /** Appends the last value to the list before it. */
  append(): this {
    return this.one(0x61);
  }

  /** Appends all since the mark to the list before it. */
  appends(): this {
    return this.one(0x65);
  }

  /** An empty dict. */
  dict(): this {
    return this.one(0x7d);
  }

  /** Sets a key to a value, the last two, in the dict before them. */
  setItem(): this {
    return this.one(0x73);
  }

  /** Sets keys to values, all since the mark, in the dict before it. */
  setItems(): this {
    return this.one(0x75);
  }

  /**
   * The name of a class or function.
   *
   * @throws {PickleError} when a part has a line feed.
   */
  global(module: string, name: string): this {
    for (const part of [module, name]) {
      if (part.includes("\n")) {
        throw new PickleError(`global ${JSON.stringify(part)}: a name has no line feed`);
      }
    }
    const text = `${module}\n${name}\n`, at = this.#room(1 + 3 * text.length);
    this.#buffer[at] = 0x63;
    this.#length = at + 1 + writeText(text, this.#buffer, at + 1);
    return this;
  }

  /** Any opcode without argument. */
  one(opcode: number): this {
    const at = this.#room(1);
    this.#buffer[at] = opcode;
    this.#length = at + 1;
    return this;
  }

  /** Any opcode with an argument of one byte. */
  two(opcode: number, argument: number): this {
    const at = this.#room(2), buffer = this.#buffer;
    buffer[at] = opcode;
    buffer[at + 1] = argument;
    this.#length = at + 2;
    return this;
  }

  /** Any opcode with an argument of 32 bits. */
  one32(opcode: number, argument: number): this {
    const at = this.#room(5);
    this.#buffer[at] = opcode;
    put32(this.#buffer, at + 1, argument);
    this.#length = at + 5;
    return this;
  }

  #whole(value: number): number {
    if (Number.isSafeInteger(value)) return value;
    throw new PickleError(
      `${value} as an int: expected a whole number within ±(2^53 - 1), a bigint, or a Float for a float`,
    );
  }

  /** 2^31 to 2^53, as transaction ids on the wire are: without a bigint. */
  #largeInt(value: number): this {
    const at = this.#room(10), buffer = this.#buffer, low = value % 0x1_0000_0000 | 0;
    const high = Math.floor(value / 0x1_0000_0000);
    put32(buffer, at + 2, low);
    put32(buffer, at + 6, high);
    let length = 8;
    const sign = high < 0 ? 0xff : 0;
    while (buffer[at + 1 + length] === sign && (buffer[at + length] ^ sign) < 0x80) length--;
    buffer[at] = 0x8a;
    buffer[at + 1] = length;
    this.#length = at + 2 + length;
    return this;
  }

  #long(bytes: Uint8Array): this {
    if (bytes.length < 0x100) this.two(0x8a, bytes.length);
    else this.one32(0x8b, bytes.length);
    return this.raw(bytes);
  }

  #copy(bytes: Uint8Array, at: number): void {
    const buffer = this.#buffer, { length } = bytes;
    if (length > TINY) buffer.set(bytes, at);
    else for (let i = 0; i < length; i++) buffer[at + i] = bytes[i];
  }

  /** Makes room and returns where it is. */
  #room(count: number): number {
    const needed = this.#length + count;
    if (needed > this.#buffer.length) this.#grow(needed);
    return this.#length;
  }

  #grow(needed: number): void {
    if (needed > this.#limit) {
      throw new PickleError(`a pickle of ${needed} bytes: expected at most ${this.#limit}`);
    }
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(needed, 2 * this.#buffer.length)));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

function put32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value;
  buffer[at + 1] = value >>> 8;
  buffer[at + 2] = value >>> 16;
  buffer[at + 3] = value >>> 24;
}
