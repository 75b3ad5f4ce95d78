/**
 * What the thread that serves and the thread that packs say to each other: one question, one answer, and reports of
 * how far it is in between.
 *
 * @module
 */

import {
  CorruptedTransactionError,
  FileStorageError,
  type Oid,
  POSKeyError,
  StorageError,
} from "../../values/mod.ts";
import type { PackProgress } from "../pack.ts";
import type { OidIndexPart } from "./oid_index.ts";
import type { PackJob, PackWork } from "./pack_engine.ts";

/** What the packing thread is asked to do. */
export type PackRequest =
  | { readonly call: "open"; readonly job: PackJob; readonly stop: Int32Array<SharedArrayBuffer> }
  | { readonly call: Exclude<keyof PackWork, "parts">; readonly args: readonly unknown[] }
  | { readonly call: "parts"; readonly args: readonly [] };

/** What it says. */
export type PackMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "progress"; readonly progress: PackProgress }
  | { readonly kind: "part"; readonly part: OidIndexPart }
  | { readonly kind: "answer"; readonly value: unknown }
  | { readonly kind: "failed"; readonly failure: PackFailure };

/** An error on its way between threads. */
export interface PackFailure {
  readonly name: string;
  readonly message: string;
  readonly oid?: Oid;
}

/** The pack was told to stop. */
export class PackStopped extends Error {
  override name = "PackStopped";
}

/** Takes an error apart. */
export function failureOf(error: unknown): PackFailure {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  return {
    name: error.name,
    message: error.message,
    oid: error instanceof POSKeyError ? error.oid : undefined,
  };
}

/** The error that a failure was. @param path The file's, for what has none in its message. */
export function errorOf({ name, message, oid }: PackFailure, path: string): Error {
  if (name === "POSKeyError" && oid !== undefined) {
    // The message ends with the object, which the error adds by itself.
    return new POSKeyError(oid, undefined, message.slice(0, message.lastIndexOf(": ")));
  }
  if (name === "CorruptedTransactionError") return new CorruptedTransactionError(message);
  if (name === "PackStopped") return new PackStopped(message);
  return new FileStorageError(`${path}: pack failed: ${message}`);
}

/** What an error of a pack is for the caller: storage errors stay what they are. */
export function packError(error: unknown, path: string): Error {
  return error instanceof StorageError || error instanceof PackStopped
    ? error
    : errorOf(failureOf(error), path);
}
