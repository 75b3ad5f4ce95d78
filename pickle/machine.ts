/**
 * The stack machine that a pickle is a program for: its memory, and the moves that several opcodes share.
 * What each opcode does is in `opcodes.ts` and `rare_opcodes.ts`.
 *
 * Items between two marks belong to the upper one; nothing may be popped below the last mark (the fence).
 *
 * @module
 */

import { Dict } from "./dict.ts";
import { PickleError } from "./error.ts";
import { Memo } from "./memo.ts";
import { namedGlobal } from "./names.ts";
import { isAscii, readLatin1, readText } from "./text.ts";
import {
  type Construction,
  Global,
  Instance,
  kindOf,
  PersistentReference,
  pythonFloat,
  setItems,
  Tuple,
  type Value,
} from "./value.ts";

/** How a pickle is read. */
export interface PickleReaderOptions {
  /** Where in the bytes to start; 0. */
  readonly offset?: number;
  /** The highest protocol accepted; 5. */
  readonly maxProtocol?: number;
  /**
   * Which names may occur, as they stand in the pickle; all. A refused one is a {@linkcode PickleError}.
   * Names are never looked up, whatever this answers.
   */
  readonly allowGlobal?: (module: string, name: string) => boolean;
  /** Whether persistent references may occur, as they do in records; false. */
  readonly persistent?: boolean;
  /** Whether a pickle can use what the one before it in the same bytes has memoized, as in records; false. */
  readonly sharedMemo?: boolean;
  /** Whether bytes are copied. They are views into the input otherwise, the default, and keep it alive. */
  readonly copyBytes?: boolean;
  /**
   * What becomes of a Python 2 str that is not ASCII: an error, a str in Latin-1, or bytes. The default is an
   * error.
   */
  readonly nonAscii?: "error" | "latin1" | "bytes";
  /** Opcodes that one pickle may have: bounds memory, of which one takes 100 bytes or so. 16 million. */
  readonly maxOpcodes?: number;
}

const MAX_OPCODES = 1 << 24;
const NEWLINE = 0x0a;

/** One reader's memory. */
export class Machine {
  position: number;
  /** Of the pickle at hand; 0 until it says otherwise. */
  protocol = 0;
  /** Where the pickle at hand began. */
  start = 0;
  readonly stack: Value[] = [];
  /** Fences below the present one. */
  readonly marks: number[] = [];
  /** Height of the stack at the last mark. */
  fence = 0;
  memo: Memo<Value> = new Memo();
  readonly maxProtocol: number;
  readonly maxOpcodes: number;
  readonly copyBytes: boolean;

  constructor(
    readonly bytes: Uint8Array,
    readonly options: PickleReaderOptions,
    /** Gets each persistent id, in the order of the stream. */
    readonly onReference?: (pid: Value, offset: number) => void,
  ) {
    this.position = options.offset ?? 0;
    this.maxProtocol = options.maxProtocol ?? 5;
    this.maxOpcodes = options.maxOpcodes ?? MAX_OPCODES;
    this.copyBytes = options.copyBytes ?? false;
  }

  /** Makes ready for the next pickle. */
  reset(): void {
    this.start = this.position;
    this.protocol = 0;
    this.stack.length = 0;
    this.marks.length = 0;
    this.fence = 0;
    if (!this.options.sharedMemo && this.memo.size > 0) this.memo = new Memo();
  }

  fail(message: string): never {
    throw new PickleError(message, this.position);
  }

  /** Moves over the next `count` bytes and returns where they began. */
  take(count: number): number {
    const start = this.position;
    if (count > this.bytes.length - start) {
      this.fail(`${count} bytes expected, ${this.bytes.length - start} are left`);
    }
    this.position = start + count;
    return start;
  }

  /** An unsigned little-endian number. Beyond 2^53 it is rounded, and far too large for any use. */
  takeNumber(size: number): number {
    const start = this.take(size);
    let value = 0;
    for (let i = start + size - 1; i >= start; i--) value = value * 0x100 + this.bytes[i];
    return value;
  }

  /** Moves behind the next line feed and returns where the line began and ended. */
  takeLine(): { start: number; end: number } {
    const start = this.position, end = this.bytes.indexOf(NEWLINE, start);
    if (end < 0) this.fail("no line feed at the end of an argument");
    this.position = end + 1;
    return { start, end };
  }

  text(length: number): string {
    const start = this.take(length);
    return readText(this.bytes, start, start + length);
  }

  lineText(): string {
    const { start, end } = this.takeLine();
    return readText(this.bytes, start, end);
  }

  byteString(length: number): Uint8Array {
    const start = this.take(length);
    return this.copyBytes
      ? this.bytes.slice(start, start + length)
      : this.bytes.subarray(start, start + length);
  }

  /** A Python 2 str: text if it is ASCII, and what the options say if not. */
  python2String(bytes: Uint8Array): Value {
    if (isAscii(bytes, 0, bytes.length)) return readText(bytes, 0, bytes.length);
    if (this.options.nonAscii === "bytes") return this.copyBytes ? bytes.slice() : bytes;
    if (this.options.nonAscii === "latin1") return readLatin1(bytes, 0, bytes.length);
    return this.fail("Python 2 str that is not ASCII");
  }

  push(value: Value): void {
    this.stack.push(value);
  }

  pop(): Value {
    if (this.stack.length <= this.fence) this.fail("an opcode needs more than is on the stack");
    return this.stack.pop() as Value;
  }

  top(): Value {
    if (this.stack.length <= this.fence) this.fail("an opcode needs more than is on the stack");
    return this.stack[this.stack.length - 1];
  }

  mark(): void {
    this.marks.push(this.fence);
    this.fence = this.stack.length;
  }

  /** What was pushed since the last mark, which is gone then. */
  popMark(): Value[] {
    if (this.marks.length === 0) this.fail("an opcode needs a mark, there is none");
    const { stack, fence } = this;
    this.fence = this.marks.pop() as number;
    if (fence === 0) {
      const items = stack.slice();
      stack.length = 0;
      return items;
    }
    return stack.splice(fence);
  }

  /** Replaces the top `count` values by a tuple of them. */
  makeTuple(count: number): void {
    const { stack } = this, from = stack.length - count;
    if (from < this.fence) this.fail("an opcode needs more than is on the stack");
    const last = stack.pop() as Value;
    if (count === 1) {
      stack.push(new Tuple([last]));
      return;
    }
    const second = stack.pop() as Value;
    if (count === 2) stack.push(new Tuple([second, last]));
    else stack.push(new Tuple([stack.pop() as Value, second, last]));
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.fail(`memo ${index} is used before it is set`);
    this.stack.push(value);
  }

  memoize(index: number): void {
    this.memo.put(index, this.top());
  }

  setProtocol(protocol: number): void {
    if (protocol > this.maxProtocol) {
      this.fail(`unsupported pickle protocol ${protocol}: expected at most ${this.maxProtocol}`);
    }
    this.protocol = protocol;
  }

  global(module: string, name: string): Global {
    if (this.options.allowGlobal?.(module, name) === false) {
      this.fail(`the name ${module}.${name} is not allowed`);
    }
    return namedGlobal(module, name, this.protocol);
  }

  /** Appends to the list, or list-like, set or dict-like, on top. */
  append(items: Value[]): void {
    const target = this.top();
    if (Array.isArray(target)) {
      for (const item of items) target.push(item);
    } else if (target instanceof Instance) {
      if (target.state !== undefined) this.fail("items after the state of an instance");
      const list = target.listItems ??= [];
      for (const item of items) list.push(item);
    } else {
      this.fail(`APPEND to ${kindOf(target)}: expected a list`);
    }
  }

  addToSet(items: Value[]): void {
    const list = setItems(this.top());
    if (!Array.isArray(list)) this.fail(`ADDITEMS to ${kindOf(this.top())}: expected a set`);
    for (const item of items) list.push(item);
  }

  /** Sets keys (even places) to values (odd places) in the dict on top. */
  setInDict(items: Value[]): void {
    const target = this.top();
    if (items.length % 2) this.fail("odd number of items for SETITEMS: expected keys and values");
    let dict: Dict;
    if (target instanceof Dict) {
      dict = target;
    } else if (target instanceof Instance) {
      if (target.state !== undefined) this.fail("items after the state of an instance");
      dict = target.dictItems ??= new Dict();
    } else {
      this.fail(`SETITEM in ${kindOf(target)}: expected a dict`);
    }
    for (let i = 0; i < items.length; i += 2) dict.append(items[i], items[i + 1]);
  }

  construct(by: Construction, callable: Value, args: Value): Instance {
    if (!(args instanceof Tuple)) {
      this.fail(`arguments of ${kindOf(callable)} are ${kindOf(args)}: expected a tuple`);
    }
    if (
      !(callable instanceof Global || callable instanceof Instance || callable instanceof PersistentReference)
    ) {
      this.fail(`an instance of ${kindOf(callable)}: expected a class or function`);
    }
    return new Instance(by, callable, args);
  }

  build(): void {
    const state = this.pop(), target = this.top();
    if (!(target instanceof Instance)) this.fail(`state for ${kindOf(target)}: expected an instance`);
    if (target.state !== undefined) this.fail("a second state for the same instance");
    target.state = state;
  }

  reference(pid: Value): void {
    if (!this.options.persistent) this.fail("a persistent reference, where none can be");
    this.onReference?.(pid, this.position);
    this.stack.push(new PersistentReference(pid));
  }

  float(value: number): Value {
    return pythonFloat(value);
  }
}
