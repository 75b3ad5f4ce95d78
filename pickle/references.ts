/**
 * Finding the references in a record, for the garbage collection of a pack.
 *
 * Most of a pack's time goes here, so the usual record is not read but walked: for each opcode only how it
 * moves the stack is done, and of a value only what a reference can need is kept, as one number:
 *
 *   OTHER   anything else
 *   LIST    a list: as a persistent id, a weak reference or one to another database, not followed
 *   n > 1   a str or bytes of eight bytes that begin at n: an object id, perhaps
 *   -n      a tuple whose first item is n
 *
 * Whatever is unusual or looks wrong is left to the reader, which decides and says what is wrong.
 *
 * @module
 */

import { type Oid, oidFromBytes } from "../values/mod.ts";
import { PickleError } from "./error.ts";
import { Machine } from "./machine.ts";
import { Memo } from "./memo.ts";
import { run } from "./opcodes.ts";
import { Instance, kindOf, Tuple, type Value } from "./value.ts";

const OTHER = 0, LIST = 1;

/** Stack effects by opcode: bytes of argument << 4 | values popped << 1 | whether OTHER is pushed. */
const EFFECTS = new Uint8Array(256);
const PLAIN = 0x80;
/** Argument, popped, pushed, opcodes. */
const PLAIN_OPCODES: readonly (readonly [number, number, 0 | 1, string])[] = [
  [0, 0, 1, "N\x88\x89}\x8f"],
  [1, 0, 1, "K"],
  [2, 0, 1, "M"],
  [4, 0, 1, "J"],
  [0, 2, 1, "R\x81\x93"],
  [0, 3, 1, "\x92"],
  [0, 1, 0, "ab"],
  [0, 2, 0, "s"],
];
for (const [argument, popped, pushed, opcodes] of PLAIN_OPCODES) {
  for (const opcode of opcodes) EFFECTS[opcode.charCodeAt(0)] = PLAIN | argument << 4 | popped << 1 | pushed;
}

/**
 * The objects that a record refers to and keeps alive, in the order of the stream, each as often as it
 * occurs. Weak references and references to other databases are not among them.
 *
 * @throws {PickleError} when the record is malformed, so that references could be missed, or has one of no
 * known form. What can hide none, text that is not UTF-8 for instance, is not looked at.
 *
 * @example
 * ```ts
 * import { Global, PersistentReference, recordReferences, tuple, writeRecord } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const account = new Global("bank", "Account");
 * const reference = new PersistentReference(tuple(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 9]), account));
 * assertEquals(recordReferences(writeRecord(account, { partner: reference })).map(Number), [9]);
 * ```
 */
export function recordReferences(record: Uint8Array): Oid[] {
  return walk(record) ?? readReferences(record);
}

/** The references, or undefined when the record has what only the reader understands. */
function walk(record: Uint8Array): Oid[] | undefined {
  const references: Oid[] = [], memo = new Memo<number>(), stack: number[] = [], marks: number[] = [];
  const end = record.length;
  // The stack's height is kept here, as shrinking an array and growing it again costs more than all the rest.
  let top = 0, at = 0, fence = 0, pickles = 0;
  while (at < end) {
    const opcode = record[at++], effect = EFFECTS[opcode];
    if (effect !== 0) {
      at += effect >> 4 & 7;
      top -= effect >> 1 & 7;
      if (top < fence) return undefined;
      if (effect & 1) stack[top++] = OTHER;
      continue;
    }
    switch (opcode) {
      case 0x28: // MARK
        marks.push(fence);
        fence = top;
        break;
      case 0x29: // EMPTY_TUPLE
        stack[top++] = OTHER;
        break;
      case 0x2e: // STOP
        if (top !== 1 || marks.length > 0) return undefined;
        if (++pickles === 2) return references;
        top = 0;
        break;
      case 0x43: // SHORT_BINBYTES
      case 0x55: // SHORT_BINSTRING
      case 0x8c: { // SHORT_BINUNICODE
        if (at >= end) return undefined;
        const size = record[at++];
        stack[top++] = size === 8 ? at : OTHER;
        at += size;
        break;
      }
      case 0x42: // BINBYTES
      case 0x54: // BINSTRING
      case 0x58: { // BINUNICODE
        if (at + 4 > end) return undefined;
        const size = number32(record, at);
        at += 4;
        stack[top++] = size === 8 ? at : OTHER;
        at += size;
        break;
      }
      case 0x47: // BINFLOAT
        stack[top++] = OTHER;
        at += 8;
        break;
      case 0x51: { // BINPERSID
        if (top <= fence) return undefined;
        const id = stack[top - 1];
        if (id === OTHER) return undefined;
        if (id !== LIST) references.push(oidFromBytes(record, Math.abs(id)));
        stack[top - 1] = OTHER;
        break;
      }
      case 0x5d: // EMPTY_LIST
        stack[top++] = LIST;
        break;
      case 0x63: { // GLOBAL
        const moduleEnd = record.indexOf(0x0a, at);
        if (moduleEnd < 0) return undefined;
        at = record.indexOf(0x0a, moduleEnd + 1) + 1;
        if (at === 0) return undefined;
        stack[top++] = OTHER;
        break;
      }
      case 0x68: // BINGET
      case 0x6a: { // LONG_BINGET
        const size = opcode === 0x68 ? 1 : 4;
        if (at + size > end) return undefined;
        const value = memo.get(size === 1 ? record[at] : number32(record, at));
        if (value === undefined) return undefined;
        stack[top++] = value;
        at += size;
        break;
      }
      case 0x71: // BINPUT
      case 0x72: { // LONG_BINPUT
        const size = opcode === 0x71 ? 1 : 4;
        if (at + size > end || top <= fence) return undefined;
        memo.put(size === 1 ? record[at] : number32(record, at), stack[top - 1]);
        at += size;
        break;
      }
      case 0x94: // MEMOIZE
        if (top <= fence) return undefined;
        memo.put(memo.size, stack[top - 1]);
        break;
      case 0x64: // DICT
      case 0x65: // APPENDS
      case 0x6c: // LIST
      case 0x74: // TUPLE
      case 0x75: // SETITEMS
      case 0x90: // ADDITEMS
      case 0x91: { // FROZENSET
        if (marks.length === 0) return undefined;
        const first = fence < top ? stack[fence] : OTHER;
        top = fence;
        fence = marks.pop() as number;
        if (opcode === 0x74) stack[top++] = first > LIST ? -first : OTHER;
        else if (opcode === 0x6c) stack[top++] = LIST;
        else if (opcode === 0x64 || opcode === 0x91) stack[top++] = OTHER;
        else if (top <= fence) return undefined;
        break;
      }
      case 0x80: // PROTO
        if (!(record[at++] <= 5)) return undefined;
        break;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: { // TUPLE3
        const from = top - (opcode - 0x84);
        if (from < fence) return undefined;
        const first = stack[from];
        top = from + 1;
        stack[from] = first > LIST ? -first : OTHER;
        break;
      }
      case 0x8a: // LONG1
        if (at >= end) return undefined;
        at += 1 + record[at];
        stack[top++] = OTHER;
        break;
      case 0x95: // FRAME
        at += 8;
        break;
      default:
        return undefined;
    }
  }
  return undefined;
}

/** A length or memo number, little-endian. */
function number32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}

/** The same by reading all. */
function readReferences(record: Uint8Array): Oid[] {
  const references: Oid[] = [];
  const machine = new Machine(
    record,
    { persistent: true, sharedMemo: true, nonAscii: "latin1" },
    (id, offset) => {
      if (!Array.isArray(id)) references.push(referredOid(id, offset));
    },
  );
  for (let pickle = 0; pickle < 2; pickle++) {
    machine.reset();
    run(machine);
  }
  return references;
}

function referredOid(id: Value, offset: number): Oid {
  const first = id instanceof Tuple ? id.items[0] : id;
  const bytes = first instanceof Uint8Array ? first : latin1Bytes(encodedText(first));
  if (bytes?.length === 8) return oidFromBytes(bytes);
  const found = bytes ? `${bytes.length} bytes` : first === undefined ? "an empty tuple" : kindOf(first);
  throw new PickleError(`a reference to ${found}: expected an object id of 8 bytes`, offset);
}

/**
 * The str in a value that is one, or that calls `_codecs.encode`: so Python 3 writes bytes in protocols 0 to
 * 2.
 */
function encodedText(value: Value | undefined): Value | undefined {
  if (!(value instanceof Instance) || !value.isA("_codecs", "encode")) return value;
  return value.args.items[1] === "latin1" ? value.args.items[0] : undefined;
}

function latin1Bytes(text: Value | undefined): Uint8Array | undefined {
  if (typeof text !== "string") return undefined;
  const codes = Array.from(text, (character) => character.charCodeAt(0));
  return codes.every((code) => code <= 0xff) ? Uint8Array.from(codes) : undefined;
}
