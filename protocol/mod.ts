/**
 * The wire: framing, encodings, messages, errors, addresses.
 *
 * @module
 */

export * from "./address.ts";
export { encodeBlobChunk } from "./blob_chunks.ts";
export * from "./channel.ts";
export * from "./codec.ts";
export * from "./errors.ts";
export * from "./framer.ts";
export * from "./loads.ts";
export { describe, encodeBytes, encodeMsgpack, msgpackCodec, truthy } from "./msgpack.ts";
export * from "./output.ts";
export { pickleCodec } from "./pickles.ts";
