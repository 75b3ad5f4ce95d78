/**
 * What a format string becomes once it is read: literal text and placeholders, in order.
 *
 * Formats are read once, when the configuration is, and every mistake in them is found then. Writing a line is a
 * walk over the segments.
 *
 * @module
 */

import type { FieldKind, FieldValue } from "./log_values.ts";

/** A place in a format where a field of the record goes. */
export interface Placeholder {
  /** The field's name, as written. */
  readonly field: string;
  /** The placeholder as written, for error messages. */
  readonly text: string;
  /** Whether it stays as it is written for a record that has no such field. */
  readonly optional?: boolean;
  /** Whether a field of this kind can be printed this way. */
  accepts(kind: FieldKind): boolean;
  /** Prints a value; one of a kind that isn't accepted prints as plain text. */
  render(value: FieldValue): string;
}

/** Literal text, or a placeholder. */
export type Segment = string | Placeholder;

/** A format string that can't be read. */
export class FormatSyntaxError extends Error {
  override name = "FormatSyntaxError";
  /** What would have been right. */
  readonly expected: string;

  /** @param found What was found, and where. */
  constructor(found: string, expected: string) {
    super(`${found}: expected ${expected}`);
    this.expected = expected;
  }
}
