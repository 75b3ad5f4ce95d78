/**
 * The names in a client's blob cache. Python's clients have the same, and share the directory.
 *
 *   .layout                          "zeocache"
 *   tmp/zeo-RANDOM.download          what is being received, before it has its place
 *   tmp/zeo-RANDOM.upload            what is being stored
 *   258/.lock                        locked while something in this directory is put there or removed
 *   258/0.040d2eb1cd7472dd.blob      a revision: oid div 997, transaction id in 16 hexadecimal digits
 *   check_size.lock                  locked by whoever makes room
 *   check_size.attempt               somebody else wanted to make room meanwhile
 *
 * The directory is the oid modulo 997, in decimal: 258 has the objects 258, 1255, 2252 …
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";

/** What `.layout` says. */
export const LAYOUT = "zeocache";

/** How many directories there are at most. */
const BUCKETS = 997n;

/** The name of the directory that an object's blobs are in. */
export function bucketOf(oid: Oid): string {
  return (oid % BUCKETS).toString();
}

/** The name of a revision's file in its directory. */
export function blobNameOf(oid: Oid, serial: Tid): string {
  return `${oid / BUCKETS}.${serial.toString(16).padStart(16, "0")}.blob`;
}

/** Whether a directory is one for blobs, by its name. */
export function isBucket(name: string): boolean {
  return /^\d+$/.test(name);
}

/** Whether a file in such a directory is a blob, by its name: one that is being received isn't yet. */
export function isBlob(name: string): boolean {
  return name.endsWith(".blob");
}
