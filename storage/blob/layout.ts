/**
 * Where the file of a blob's revision lies in a blob directory.
 *
 *   bushy   0x00/0x00/0x00/0x00/0x00/0x00/0x01/0x02/0x040d2eb1cd7472dd.blob    a level for each byte of the oid
 *   lawn    0x0102/0x040d2eb1cd7472dd.blob
 *
 * Numbers are lower-case hexadecimal without leading zero bytes. The file `.layout` at the top has the layout's name.
 *
 * @module
 */

import { formatOid, type Oid, type Tid } from "../../values/mod.ts";

/** A layout's name. */
export type LayoutName = "bushy" | "lawn";

/** The names of the layouts that a storage's directory can have. */
export const LAYOUTS: readonly LayoutName[] = ["bushy", "lawn"];

const BYTES = [56n, 48n, 40n, 32n, 24n, 16n, 8n, 0n];

/** The directory of an object's blobs, relative to the blob directory. */
export function directoryOf(layout: LayoutName, oid: Oid): string {
  if (layout === "lawn") return formatOid(oid);
  return BYTES.map((shift) => `0x${(oid >> shift & 0xffn).toString(16).padStart(2, "0")}`).join("/");
}

/** How many directories an object's directory lies deep. */
export function depthOf(layout: LayoutName): number {
  return layout === "lawn" ? 1 : BYTES.length;
}

/** The name of the file of a revision. */
export function fileOf(tid: Tid): string {
  const hex = tid.toString(16);
  return `0x${hex.length % 2 ? "0" : ""}${hex}.blob`;
}

/** The revision that a file has by its name; undefined for other files. */
export function tidOfFile(name: string): Tid | undefined {
  const found = /^0x([0-9a-f]{1,16})\.blob$/i.exec(name);
  return found ? BigInt(`0x${found[1]}`) as Tid : undefined;
}

/** The object that a directory belongs to by the names of its levels; undefined for other directories. */
export function oidOfDirectory(layout: LayoutName, names: readonly string[]): Oid | undefined {
  if (names.length !== depthOf(layout)) return undefined;
  const pattern = layout === "lawn" ? /^0x([0-9a-f]{1,16})$/i : /^0x([0-9a-f]{1,2})$/i;
  let oid = 0n;
  for (const name of names) {
    const found = pattern.exec(name);
    if (!found) return undefined;
    oid = (oid << 8n) | BigInt(`0x${found[1]}`);
  }
  return oid as Oid;
}
