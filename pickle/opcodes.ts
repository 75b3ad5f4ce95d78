/**
 * Runs a pickle: the opcodes that ZODB and ZEO write. The others are in `rare_opcodes.ts`.
 *
 * The opcodes are literals, so that the switch compiles to a jump table.
 *
 * @module
 */

import { Dict } from "./dict.ts";
import { readInteger } from "./integer.ts";
import type { Machine } from "./machine.ts";
import { runRare } from "./rare_opcodes.ts";
import { Tuple, type Value } from "./value.ts";

const scratch = new DataView(new ArrayBuffer(8));

/** Runs one pickle, from the machine's position to its STOP, and returns what it leaves. */
export function run(machine: Machine): Value {
  const { bytes, stack, memo } = machine;
  for (let left = machine.maxOpcodes; left > 0; left--) {
    if (machine.position >= bytes.length) machine.fail("the pickle ends without STOP");
    const opcode = bytes[machine.position++];
    switch (opcode) {
      case 0x28: // ( MARK
        machine.mark();
        break;
      case 0x29: // ) EMPTY_TUPLE
        stack.push(new Tuple([]));
        break;
      case 0x2e: // . STOP
        return finish(machine);
      case 0x42: // B BINBYTES
        stack.push(machine.byteString(machine.takeNumber(4)));
        break;
      case 0x43: // C SHORT_BINBYTES
        stack.push(machine.byteString(machine.takeNumber(1)));
        break;
      case 0x47: // G BINFLOAT, big-endian
        stack.push(machine.float(float64(bytes, machine.take(8))));
        break;
      case 0x4a: { // J BININT
        const at = machine.take(4);
        stack.push(bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24);
        break;
      }
      case 0x4b: // K BININT1
        stack.push(bytes[machine.take(1)]);
        break;
      case 0x4d: { // M BININT2
        const at = machine.take(2);
        stack.push(bytes[at] | bytes[at + 1] << 8);
        break;
      }
      case 0x4e: // N NONE
        stack.push(null);
        break;
      case 0x51: // Q BINPERSID
        machine.reference(machine.pop());
        break;
      case 0x52: { // R REDUCE
        const args = machine.pop();
        stack.push(machine.construct("REDUCE", machine.pop(), args));
        break;
      }
      case 0x58: // X BINUNICODE
        stack.push(machine.text(machine.takeNumber(4)));
        break;
      case 0x5d: // ] EMPTY_LIST
        stack.push([]);
        break;
      case 0x61: { // a APPEND
        const item = machine.pop(), list = machine.top();
        if (Array.isArray(list)) list.push(item);
        else machine.append([item]);
        break;
      }
      case 0x62: // b BUILD
        machine.build();
        break;
      case 0x63: { // c GLOBAL
        const module = machine.lineText();
        stack.push(machine.global(module, machine.lineText()));
        break;
      }
      case 0x65: // e APPENDS
        machine.append(machine.popMark());
        break;
      case 0x68: // h BINGET
        machine.recall(machine.takeNumber(1));
        break;
      case 0x6a: // j LONG_BINGET
        machine.recall(machine.takeNumber(4));
        break;
      case 0x71: // q BINPUT
        memo.put(bytes[machine.take(1)], machine.top());
        break;
      case 0x72: // r LONG_BINPUT
        machine.memoize(machine.takeNumber(4));
        break;
      case 0x73: { // s SETITEM
        const value = machine.pop(), key = machine.pop();
        machine.setInDict([key, value]);
        break;
      }
      case 0x74: // t TUPLE
        stack.push(new Tuple(machine.popMark()));
        break;
      case 0x75: // u SETITEMS
        machine.setInDict(machine.popMark());
        break;
      case 0x7d: // } EMPTY_DICT
        stack.push(new Dict());
        break;
      case 0x80: // PROTO
        machine.setProtocol(machine.takeNumber(1));
        break;
      case 0x81: { // NEWOBJ
        const args = machine.pop();
        stack.push(machine.construct("NEWOBJ", machine.pop(), args));
        break;
      }
      case 0x85: // TUPLE1
        machine.makeTuple(1);
        break;
      case 0x86: // TUPLE2
        machine.makeTuple(2);
        break;
      case 0x87: // TUPLE3
        machine.makeTuple(3);
        break;
      case 0x88: // NEWTRUE
        stack.push(true);
        break;
      case 0x89: // NEWFALSE
        stack.push(false);
        break;
      case 0x8a: { // LONG1
        const length = machine.takeNumber(1), at = machine.take(length);
        stack.push(readInteger(bytes, at, at + length));
        break;
      }
      default:
        runRare(machine, opcode);
    }
  }
  return machine.fail(`more than ${machine.maxOpcodes} opcodes`);
}

function finish(machine: Machine): Value {
  const value = machine.pop();
  if (machine.stack.length > 0 || machine.marks.length > 0) {
    machine.fail("STOP with more than one value on the stack");
  }
  return value;
}

function float64(bytes: Uint8Array, offset: number): number {
  for (let i = 0; i < 8; i++) scratch.setUint8(i, bytes[offset + i]);
  return scratch.getFloat64(0);
}
