/**
 * The opcodes that ZODB and ZEO don't write today: text forms (protocol 0), Python 2's strings, and protocols
 * 4 and 5.
 *
 * @module
 */

import { Dict } from "./dict.ts";
import { readInteger, safeInteger } from "./integer.ts";
import type { Machine } from "./machine.ts";
import { readLatin1 } from "./text.ts";
import { Global, Instance, Tuple, type Value } from "./value.ts";

/** As in Python: longer decimal numbers take quadratic time. */
const MAX_DIGITS = 4300;
const MAX_LONG_BYTES = 1 << 20;

/** Runs one opcode, whose argument begins at the machine's position. */
export function runRare(machine: Machine, opcode: number): void {
  const { bytes } = machine;
  switch (opcode) {
    case 0x30: // 0 POP; a mark goes as well
      if (machine.stack.length > machine.fence) machine.pop();
      else machine.popMark();
      break;
    case 0x31: // 1 POP_MARK
      machine.popMark();
      break;
    case 0x32: // 2 DUP
      machine.push(machine.top());
      break;
    case 0x46: // F FLOAT
      machine.push(machine.float(lineFloat(machine)));
      break;
    case 0x49: // I INT
      machine.push(lineInteger(machine, true));
      break;
    case 0x4c: // L LONG
      machine.push(lineInteger(machine, false));
      break;
    case 0x50: // P PERSID
      machine.reference(machine.lineText());
      break;
    case 0x53: // S STRING
      machine.push(machine.python2String(quotedBytes(machine)));
      break;
    case 0x54: // T BINSTRING
      machine.push(machine.python2String(machine.byteString(signedLength(machine))));
      break;
    case 0x55: // U SHORT_BINSTRING
      machine.push(machine.python2String(machine.byteString(machine.takeNumber(1))));
      break;
    case 0x56: // V UNICODE
      machine.push(rawUnicode(machine));
      break;
    case 0x64: // d DICT
      popInto(machine, new Dict(), (items) => machine.setInDict(items));
      break;
    case 0x67: // g GET
      machine.recall(memoIndex(machine));
      break;
    case 0x69: { // i INST
      const module = machine.lineText(), global = machine.global(module, machine.lineText());
      machine.push(machine.construct("OBJ", global, new Tuple(machine.popMark())));
      break;
    }
    case 0x6c: // l LIST
      machine.push(machine.popMark());
      break;
    case 0x6f: { // o OBJ
      const [callable, ...args] = machine.popMark();
      if (callable === undefined) machine.fail("OBJ without a class");
      machine.push(machine.construct("OBJ", callable, new Tuple(args)));
      break;
    }
    case 0x70: // p PUT
      machine.memoize(memoIndex(machine));
      break;
    case 0x8b: { // LONG4
      const length = signedLength(machine), at = machine.take(length);
      if (length > MAX_LONG_BYTES) {
        machine.fail(`an int of ${length} bytes: expected at most ${MAX_LONG_BYTES}`);
      }
      machine.push(readInteger(bytes, at, at + length));
      break;
    }
    case 0x8c: // SHORT_BINUNICODE
      machine.push(machine.text(machine.takeNumber(1)));
      break;
    case 0x8d: // BINUNICODE8
      machine.push(machine.text(machine.takeNumber(8)));
      break;
    case 0x8e: // BINBYTES8
      machine.push(machine.byteString(machine.takeNumber(8)));
      break;
    case 0x8f: // EMPTY_SET
      machine.push(builtin("set", []));
      break;
    case 0x90: // ADDITEMS
      machine.addToSet(machine.popMark());
      break;
    case 0x91: // FROZENSET
      machine.push(builtin("frozenset", machine.popMark()));
      break;
    case 0x92: { // NEWOBJ_EX
      const keywords = machine.pop(), args = machine.pop();
      const instance = machine.construct("NEWOBJ_EX", machine.pop(), args);
      if (!(keywords instanceof Dict)) machine.fail("keyword arguments that are no dict");
      instance.keywords = keywords;
      machine.push(instance);
      break;
    }
    case 0x93: { // STACK_GLOBAL
      const name = machine.pop(), module = machine.pop();
      if (typeof name !== "string" || typeof module !== "string") machine.fail("a global's name is no str");
      machine.push(machine.global(module, name));
      break;
    }
    case 0x94: // MEMOIZE
      machine.memoize(machine.memo.size);
      break;
    case 0x95: { // FRAME; tells how much to read ahead, which is all here
      const length = machine.takeNumber(8), left = bytes.length - machine.position;
      if (length > left) machine.fail(`a frame of ${length} bytes, ${left} are left`);
      break;
    }
    case 0x96: // BYTEARRAY8
      machine.push(builtin("bytearray", machine.byteString(machine.takeNumber(8))));
      break;
    default:
      machine.position--;
      machine.fail(`opcode 0x${opcode.toString(16).padStart(2, "0")}: unknown, or of no use in a database`);
  }
}

function builtin(name: string, argument: Value): Instance {
  return new Instance("REDUCE", new Global("builtins", name), new Tuple([argument]));
}

function popInto(machine: Machine, container: Value, fill: (items: Value[]) => void): void {
  const items = machine.popMark();
  machine.push(container);
  fill(items);
}

function signedLength(machine: Machine): number {
  const length = machine.takeNumber(4);
  if (length > 0x7fff_ffff) machine.fail(`length ${length - 2 ** 32}: expected 0 or more`);
  return length;
}

function line(machine: Machine): string {
  const { start, end } = machine.takeLine();
  return readLatin1(machine.bytes, start, end).trimEnd();
}

function memoIndex(machine: Machine): number {
  const text = line(machine);
  if (!/^\d{1,10}$/.test(text)) machine.fail(`memo ${JSON.stringify(text.slice(0, 40))}: expected a number`);
  return Number(text);
}

function lineInteger(machine: Machine, booleans: boolean): Value {
  let text = line(machine);
  if (booleans && text === "01") return true;
  if (booleans && text === "00") return false;
  if (!booleans && text.endsWith("L")) text = text.slice(0, -1);
  if (!/^ *[+-]?\d+$/.test(text) || text.length > MAX_DIGITS) {
    machine.fail(`int ${JSON.stringify(text.slice(0, 40))}: expected at most ${MAX_DIGITS} decimal digits`);
  }
  text = text.trimStart();
  return safeInteger(text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text.replace("+", "")));
}

const NAMED_FLOATS: ReadonlyMap<string, number> = new Map([
  ["nan", NaN],
  ["-nan", NaN],
  ["inf", Infinity],
  ["-inf", -Infinity],
]);

function lineFloat(machine: Machine): number {
  const text = line(machine), named = NAMED_FLOATS.get(text);
  if (named !== undefined) return named;
  if (text.length > MAX_DIGITS || !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) {
    machine.fail(`float ${JSON.stringify(text.slice(0, 40))}: expected a decimal number`);
  }
  return Number(text);
}

const ESCAPES: ReadonlyMap<string, number> = new Map(
  Object.entries({ "\\": 92, "'": 39, '"': 34, a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 }),
);

/** A str as Python 2 wrote it in source code: in quotes, with backslashes. */
function quotedBytes(machine: Machine): Uint8Array {
  const text = line(machine), quote = text[0];
  if (text.length < 2 || quote !== "'" && quote !== '"' || !text.endsWith(quote)) {
    machine.fail("str without quotes around it");
  }
  const bytes = new Uint8Array(text.length - 2);
  let size = 0;
  const escape = /\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))|\\/sy;
  for (let i = 1; i < text.length - 1;) {
    if (text[i] !== "\\") {
      bytes[size++] = text.charCodeAt(i++);
      continue;
    }
    escape.lastIndex = i;
    const [all, hex, octal, letter] = escape.exec(text) ?? [""];
    if (all.length < 2 || letter === "x" || i + all.length > text.length - 1) {
      machine.fail("str with an unfinished escape");
    }
    if (hex !== undefined) bytes[size++] = parseInt(hex, 16);
    else if (octal !== undefined) bytes[size++] = parseInt(octal, 8);
    else if (ESCAPES.has(letter)) bytes[size++] = ESCAPES.get(letter) as number;
    // Python leaves a backslash that means nothing where it is.
    else bytes.set([92, letter.charCodeAt(0)], (size += 2) - 2);
    i += all.length;
  }
  return bytes.subarray(0, size);
}

/** A line of Latin-1 in which only \uXXXX and \UXXXXXXXX are escapes, after an odd number of backslashes. */
function rawUnicode(machine: Machine): string {
  const { start, end } = machine.takeLine();
  return readLatin1(machine.bytes, start, end).replace(
    /\\\\|\\u([0-9a-fA-F]{4})?|\\U([0-9a-fA-F]{8})?/g,
    (all, short?: string, long?: string) => {
      if (all === "\\\\") return all;
      const point = parseInt(short ?? long ?? "", 16);
      if (!(point <= 0x10ffff)) machine.fail("str with an unfinished or too large escape");
      return String.fromCodePoint(point);
    },
  );
}
