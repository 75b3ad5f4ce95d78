/**
 * Writing pickles of protocol 3, byte for byte as Python's pickler does.
 *
 * Containers are worked off from a stack of generators, each of which yields a container's parts and writes
 * the opcodes between them: so a deep value takes memory, not call stack.
 *
 * @module
 */

import { Dict } from "./dict.ts";
import { PickleError } from "./error.ts";
import { PickleOutput } from "./output.ts";
import { WriterMemo } from "./writer_memo.ts";
import { Float, Global, Instance, kindOf, PersistentReference, Tuple, type Value } from "./value.ts";

/** What can be written: any value; plain objects are dicts with str keys. */
export type Writable = Value | readonly Writable[] | { readonly [key: string]: Writable };

/** How a pickle is written. */
export interface PickleWriterOptions {
  /**
   * Whether what occurs twice is written once: needed for values that contain themselves. Without, it is what
   * Python calls "fast", as on the wire. The default is true.
   */
  readonly memo?: boolean;
  /** Always 3. */
  readonly protocol?: 3;
  /** Bytes it may come to; 1 GiB. */
  readonly maxBytes?: number;
}

type Parts = Generator<Writable, void, void>;

/** Python writes long lists and dicts in batches of so many items. */
const BATCH = 1000;
/**
 * Containers within each other. A value that contains itself gets there when it is written without a memo.
 */
const MAX_DEPTH = 100_000;

/**
 * Writes pickles one after the other. With a memo, all of them share it, as the two of a record do.
 *
 * @example
 * ```ts
 * import { PickleWriter } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const writer = new PickleWriter({ memo: false }).write(1).write({ k: [2] });
 * assertEquals(writer.bytes().toHex(), "80034b012e" + "80037d58010000006b5d4b0261732e");
 * ```
 */
export class PickleWriter {
  readonly #out: PickleOutput;
  readonly #memo: WriterMemo | undefined;
  readonly #open: Parts[] = [];

  /** A writer that has written nothing. */
  constructor(options: PickleWriterOptions = {}) {
    if (options.protocol !== undefined && options.protocol !== 3) {
      throw new PickleError(`protocol ${options.protocol}: only 3 is written`);
    }
    this.#out = new PickleOutput(256, options.maxBytes);
    this.#memo = options.memo === false ? undefined : new WriterMemo();
  }

  /**
   * Appends a pickle of the value.
   *
   * @throws {PickleError} when the value has a part that no pickle can hold, contains itself and there is no
   * memo, or the pickle gets too large. What was written before is kept.
   */
  write(value: Writable): this {
    const out = this.#out, open = this.#open, start = out.length;
    try {
      out.proto();
      this.#begin(value);
      while (open.length > 0) {
        const part = open[open.length - 1].next();
        if (part.done) open.pop();
        else this.#begin(part.value);
      }
      out.stop();
    } catch (error) {
      // Memo numbers may be lost with the opcodes: the next pickle must not refer to them.
      open.length = 0;
      out.truncate(start);
      this.#memo?.forget();
      throw error;
    }
    return this;
  }

  /** All pickles written so far, as bytes of their own. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#out.view().slice();
  }

  /** Forgets all that it has written, to be used again. */
  clear(): void {
    this.#out.truncate();
    this.#memo?.clear();
  }

  /** Writes a value that has no parts, or opens one that has. */
  #begin(value: Writable): void {
    const out = this.#out;
    switch (typeof value) {
      case "string":
        if (!this.#recall(value)) this.#remember(value, out.str(value));
        return;
      case "number":
        if (Number.isInteger(value)) out.int(value);
        else out.float(value);
        return;
      case "boolean":
        out.bool(value);
        return;
      case "bigint":
        out.int(value);
        return;
      case "object":
        if (value === null) out.none();
        else this.#beginObject(value);
        return;
      default:
        throw new PickleError(`a ${typeof value} can't be pickled`);
    }
  }

  #beginObject(value: Exclude<Writable, null | boolean | number | bigint | string>): void {
    const out = this.#out;
    if (value instanceof Float) {
      out.float(value.value);
    } else if (value instanceof Tuple && value.length === 0) {
      out.tuple(0);
    } else if (value instanceof PersistentReference) {
      if (this.#isFlat(value.pid)) {
        this.#begin(value.pid);
        out.one(0x51);
      } else this.#enter(this.#reference(value));
    } else if (this.#recall(value)) {
      return;
    } else if (value instanceof Uint8Array) {
      this.#remember(value, out.bytes(value));
    } else if (value instanceof Tuple) {
      if (this.#isFlat(value)) this.#flatTuple(value);
      else this.#enter(this.#tuple(value));
    } else if (Array.isArray(value)) {
      this.#remember(value, out.list());
      if (value.length > 0) this.#enter(this.#listItems(value));
    } else if (value instanceof Dict) {
      this.#remember(value, out.dict());
      this.#enter(this.#dictItems(value.flat()));
    } else if (value instanceof Global) {
      this.#remember(value, out.global(value.module, value.name));
    } else if (value instanceof Instance) {
      this.#enter(this.#instance(value));
    } else {
      this.#remember(value, out.dict());
      this.#enter(this.#dictItems(plainItems(value)));
    }
  }

  #enter(parts: Parts): void {
    if (this.#open.length >= MAX_DEPTH) {
      throw new PickleError(
        `a value of more than ${MAX_DEPTH} containers within each other, or one that contains itself`,
      );
    }
    this.#open.push(parts);
  }

  /** Whether a value is written without opening anything: it has no parts, or is a short tuple of such. */
  #isFlat(value: Writable): boolean {
    if (isPart(value)) return true;
    if (!(value instanceof Tuple) || value.length > 3) return false;
    for (const item of value.items) if (!isPart(item)) return false;
    return true;
  }

  #flatTuple(tuple: Tuple): void {
    for (const item of tuple.items) this.#begin(item);
    this.#remember(tuple, this.#out.tuple(tuple.length as 1 | 2 | 3));
  }

  *#reference(reference: PersistentReference): Parts {
    yield reference.pid;
    this.#out.one(0x51);
  }

  *#tuple(tuple: Tuple): Parts {
    const out = this.#out, { items } = tuple;
    if (items.length > 3) out.mark();
    for (const item of items) yield item;
    if (this.#isKnown(tuple)) {
      // It was written meanwhile, as a part of itself. What is on the stack is a second copy: given up for
      // the first.
      if (items.length > 3) out.one(0x31);
      else for (let i = 0; i < items.length; i++) out.one(0x30);
      this.#recall(tuple);
    } else {
      this.#remember(tuple, items.length > 3 ? out.endTuple() : out.tuple(items.length as 1 | 2 | 3));
    }
  }

  *#listItems(items: readonly Writable[]): Parts {
    const out = this.#out, { length } = items;
    for (let start = 0; start < length; start += BATCH) {
      const end = Math.min(length, start + BATCH);
      if (length > 1) out.mark();
      for (let i = start; i < end; i++) yield items[i];
      if (length > 1) out.appends();
      else out.append();
    }
  }

  /** @param items Keys and values by turns. */
  *#dictItems(items: readonly Writable[]): Parts {
    const out = this.#out, { length } = items;
    for (let start = 0; start < length; start += 2 * BATCH) {
      const end = Math.min(length, start + 2 * BATCH);
      if (length > 2) out.mark();
      for (let i = start; i < end; i++) yield items[i];
      if (length > 2) out.setItems();
      else out.setItem();
    }
    // Python sees only after a full batch that it was the last.
    if (length > 0 && length % (2 * BATCH) === 0) out.mark().setItems();
  }

  *#instance(instance: Instance): Parts {
    const out = this.#out;
    yield* this.#construction(instance);
    if (this.#isKnown(instance)) {
      out.one(0x30);
      this.#recall(instance);
      return;
    }
    this.#remember(instance, out);
    yield* this.#addedItems(instance.listItems ?? [], 1, 0x61, 0x65);
    yield* this.#addedItems(instance.dictItems?.flat() ?? [], 2, 0x73, 0x75);
    if (instance.state !== undefined) {
      yield instance.state;
      out.one(0x62);
    }
  }

  *#construction(instance: Instance): Parts {
    const out = this.#out, { by, args } = instance;
    if (by === "OBJ") {
      out.mark();
      yield instance.class;
      for (const item of args.items) yield item;
      out.one(0x6f);
    } else if (by === "NEWOBJ_EX") {
      // Protocol 3 has no opcode for it, but the function that copyreg has for the purpose.
      yield new Global("copyreg", "__newobj_ex__");
      yield new Tuple([instance.class, args, instance.keywords ?? new Dict()]);
      out.one(0x52);
    } else {
      yield instance.class;
      yield args;
      out.one(by === "NEWOBJ" ? 0x81 : 0x52);
    }
  }

  /**
   * What is put into an instance; Python batches it a little differently from a plain list's or dict's items.
   */
  *#addedItems(items: readonly Value[], unit: number, single: number, batch: number): Parts {
    const out = this.#out;
    for (let start = 0; start < items.length; start += unit * BATCH) {
      const end = Math.min(items.length, start + unit * BATCH), many = end - start > unit;
      if (many) out.mark();
      for (let i = start; i < end; i++) yield items[i];
      out.one(many ? batch : single);
    }
  }

  #isKnown(value: object): boolean {
    return this.#memo?.numberOf(value) !== undefined;
  }

  #recall(value: string | object): boolean {
    const index = this.#memo?.numberOf(value);
    if (index === undefined) return false;
    if (index < 0x100) this.#out.two(0x68, index);
    else this.#out.one32(0x6a, index);
    return true;
  }

  #remember(value: string | object, out: PickleOutput): void {
    if (this.#memo === undefined) return;
    const index = this.#memo.add(value);
    if (index < 0x100) out.two(0x71, index);
    else out.one32(0x72, index);
  }
}

/** Whether a value has no parts. */
function isPart(value: Writable): boolean {
  return typeof value !== "object" || value === null || value instanceof Uint8Array ||
    value instanceof Global;
}

/** The keys and values of a plain object, by turns. */
function plainItems(value: object): Writable[] {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    throw new PickleError(`a ${kindOf(value)} can't be pickled: expected a plain object`);
  }
  return Object.entries(value).flat(1);
}

/**
 * A pickle of the value.
 *
 * @throws {PickleError} as {@linkcode PickleWriter.write}.
 *
 * @example
 * ```ts
 * import { dumpPickle } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(dumpPickle({ k: 1 }).toHex(), "80037d710058010000006b71014b01732e");
 * ```
 */
export function dumpPickle(value: Writable, options?: PickleWriterOptions): Uint8Array<ArrayBuffer> {
  return new PickleWriter(options).write(value).bytes();
}
