/**
 * What a message is, and what an encoding of messages does.
 *
 * @module
 */

import type { Value } from "../pickle/mod.ts";
import type { Output } from "./output.ts";

/** The first byte that a peer announces: `M` for msgpack, `Z` for pickles. */
export type Encoding = "M" | "Z";

/** The protocol's version, the second byte of what is announced. */
export const PROTOCOL_VERSION = "5";

/** The id of a call, echoed by its reply: a number in most cases, but any value is allowed. */
export type MessageId = Value;

/** One message, decoded. Byte arrays in `args` are views of the input, valid until the next read. */
export interface Message {
  /** The id; its bytes are the message's own, so that it can be kept until the reply. */
  readonly id: MessageId;
  /** For a call: whether no reply is wanted. For a reply: whether it is an error. */
  readonly flag: boolean;
  /** The method, or `.reply`. */
  readonly name: string;
  /** The arguments: a sequence for a call, any value for a reply. */
  readonly args: Value;
}

/** An encoding of messages. */
export interface Codec {
  /** Which it is. */
  readonly encoding: Encoding;
  /** Decodes one message. @throws {ProtocolError} with what is wrong. */
  decode(bytes: Uint8Array): Message;
  /** Encodes a message, without the length in front. */
  encode(out: Output, id: MessageId, flag: boolean | number, name: string, args: Value): void;
}

/** The flag of a reply. */
export const REPLY = 0;
/** The flag of a reply that says that the call failed. */
export const ERROR = 2;

/** The name of replies. */
export const REPLY_NAME = ".reply";

/** The id of a heartbeat, which is ignored. */
export const HEARTBEAT: number = -1;
