/**
 * Saying that a file has something unfinished at its end.
 *
 * @module
 */

import { bytesText } from "./progress.ts";
import type { DataFileReader } from "../storage/mod.ts";
import type { Invocation } from "./command.ts";

/** Tells, among the messages, what a reader has left out at the end of its file. */
export function reportUnfinished({ path, unfinished }: DataFileReader, { note }: Invocation): void {
  if (unfinished === undefined) return;
  const { position, bytes, reason } = unfinished;
  note(
    `${path}: at ${position} there are ${bytesText(bytes)} of an unfinished transaction: ${reason}; left out`,
  );
}
