/**
 * The files beside a Data.fs that a pack makes.
 *
 * @module
 */

/** The path of the file that a pack writes, until it takes the place of the other. */
export function packPath(path: string): string {
  return `${path}.pack`;
}

/** The path of the file from before the last pack. */
export function oldPath(path: string): string {
  return `${path}.old`;
}
