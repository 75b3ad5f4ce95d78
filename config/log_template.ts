/**
 * The `template` and `safe-template` styles: `$asctime ${message}`, `$$` for a `$`.
 *
 * @module
 */

import { FormatSyntaxError, type Segment } from "./log_segments.ts";
import { valueText } from "./log_values.ts";

/**
 * Takes a template apart.
 *
 * @param knows Whether a field exists; in a safe template any other `$name` stays as it is written.
 * @throws {FormatSyntaxError} for a `$` that starts nothing, unless `safe`.
 */
export function parseTemplate(format: string, safe: boolean, knows: (field: string) => boolean): Segment[] {
  const segments: Segment[] = [];
  // Alternatives in this order: "$$", "$name", "${name}", a "$" that starts nothing.
  const pattern = /\$(?:(\$)|([_a-z][_a-z0-9]*)|\{([_a-z][_a-z0-9]*)\}|)/gi;
  let from = 0;
  for (const match of format.matchAll(pattern)) {
    if (match.index > from) segments.push(format.slice(from, match.index));
    from = match.index + match[0].length;
    const field = match[2] ?? match[3];
    if (match[1] !== undefined) {
      segments.push("$");
    } else if (field === undefined || (safe && !knows(field))) {
      if (!safe) {
        throw new FormatSyntaxError(
          `"${format.slice(match.index, match.index + 20)}" at column ${match.index + 1}`,
          "$field, ${field}, or $$ for a $",
        );
      }
      segments.push(match[0]);
    } else {
      segments.push({ field, text: match[0], optional: safe, accepts: () => true, render: valueText });
    }
  }
  if (from < format.length) segments.push(format.slice(from));
  return segments;
}
