/**
 * Errors in the shape that log parsers look for: "Traceback (most recent call last):", frames with the innermost
 * last, then the error's name and message.
 *
 * @module
 */

import { sourcePath } from "./log_record.ts";

/** Frames printed of one error; a deeper stack keeps its innermost. */
const MOST_FRAMES = 50;

/** Causes followed; a chain of errors may be circular. */
const MOST_CAUSES = 8;

/** An error with its causes, as lines without a last line end. */
export function formatTraceback(error: Error): string {
  const blocks: string[] = [];
  let current: unknown = error;
  for (let count = 0; current instanceof Error && count <= MOST_CAUSES; count++) {
    blocks.unshift(formatOne(current));
    current = current.cause;
  }
  return blocks.join("\n\nThe above exception was the direct cause of the following exception:\n\n");
}

function formatOne(error: Error): string {
  const title = error.message === "" ? error.name : `${error.name}: ${error.message}`;
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)).slice(0, MOST_FRAMES);
  if (frames.length === 0) return title;
  return ["Traceback (most recent call last):", ...frames.reverse().map(formatFrame), title].join("\n");
}

function formatFrame(line: string): string {
  const called = /^\s+at (?:async )?(?:new )?(.*) \((.+):(\d+):\d+\)$/.exec(line);
  if (called !== null) return `  File "${sourcePath(called[2])}", line ${called[3]}, in ${called[1]}`;
  const plain = /^\s+at (?:async )?(.+):(\d+):\d+$/.exec(line);
  if (plain !== null) return `  File "${sourcePath(plain[1])}", line ${plain[2]}, in <module>`;
  return `  ${line.trim()}`;
}
