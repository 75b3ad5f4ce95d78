/**
 * The encoding `Z`: messages as pickles, protocol 3 out and 0 to 3 in.
 *
 * @module
 */

import {
  dumpPickle,
  loadPickle,
  PickleError,
  type PickleReaderOptions,
  Tuple,
  type Value,
} from "../pickle/mod.ts";
import { ProtocolError } from "../values/mod.ts";
import type { Codec, Message, MessageId } from "./codec.ts";
import { describe, MOST_VALUES, owned, truthy } from "./msgpack.ts";
import type { Output } from "./output.ts";

/** Modules whose names may appear in a message; they stay names here, whatever they are. */
const KNOWN_MODULES = new Set(["ZopeUndo.Prefix", "zodbpickle", "builtins", "copy_reg", "__builtin__"]);

const reading = {
  maxProtocol: 3,
  maxOpcodes: MOST_VALUES,
  allowGlobal: (module: string) => KNOWN_MODULES.has(module),
};

/** Any name may appear in what a server says: errors within errors, values of an application in undo logs. */
const readingAnswers = { maxProtocol: 3, maxOpcodes: MOST_VALUES };

/** Messages as pickles. */
export const pickleCodec: Codec = {
  encoding: "Z",
  decode: (bytes) => decode(bytes, reading),
  encode,
};

/** Messages as pickles, as clients read them: a server may send what it doesn't take. */
export const clientPickleCodec: Codec = {
  encoding: "Z",
  decode: (bytes) => decode(bytes, readingAnswers),
  encode,
};

function decode(bytes: Uint8Array, options: PickleReaderOptions): Message {
  let message: Value;
  try {
    message = loadPickle(bytes, options);
  } catch (error) {
    if (error instanceof PickleError) throw new ProtocolError(error.message);
    throw error;
  }
  const parts = message instanceof Tuple ? message.items : message;
  if (!Array.isArray(parts) || parts.length !== 4) {
    throw new ProtocolError(`message is ${describe(message)}, expected a sequence of four elements`);
  }
  const [id, flag, name, args] = parts;
  if (typeof name !== "string") {
    throw new ProtocolError(`method name is ${describe(name)}, expected a string`);
  }
  return { id: owned(id), flag: truthy(flag), name, args };
}

function encode(out: Output, id: MessageId, flag: boolean | number, name: string, args: Value): void {
  out.append(dumpPickle(new Tuple([id, flag, name, args]), { memo: false }));
}
