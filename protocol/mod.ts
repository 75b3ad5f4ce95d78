/**
 * The wire: framing, encodings, messages, errors, addresses.
 *
 * @module
 */

export * from "./address.ts";
export { encodeBlobChunk } from "./blob_chunks.ts";
export * from "./channel.ts";
export * from "./codec.ts";
export { connect, type ConnectOptions, type TlsClientOptions } from "./connect.ts";
export * from "./errors.ts";
export * from "./framer.ts";
export * from "./loads.ts";
export { describe, encodeBytes, encodeMsgpack, msgpackCodec, truthy } from "./msgpack.ts";
export * from "./output.ts";
export { StoreFormat } from "./stores.ts";
export { clientPickleCodec, pickleCodec } from "./pickles.ts";
export { fromWireError, ServerException } from "./remote_errors.ts";
export { connectionError, TlsError } from "./tls_error.ts";
export { readIdentity, readTrusted, type TlsIdentity } from "./tls_identity.ts";
export { checkPeer, type TlsSide } from "./tls_trust.ts";
export { TlsTransport } from "./tls_transport.ts";
