/**
 * The small values that everything else speaks of: object ids, transaction ids, bytes, errors.
 *
 * @module
 */

export * from "./awaitable.ts";
export * from "./bytes.ts";
export * from "./errors.ts";
export * from "./lock_file.ts";
export * from "./histogram.ts";
export * from "./oid.ts";
export * from "./tid.ts";
