/**
 * A mistake in the event log's configuration.
 *
 * @module
 */

import type { EventlogPosition } from "./eventlog_section.ts";

/** An event log that can't be set up as the configuration says. */
export class EventlogError extends Error {
  /** `EventlogError`. */
  override name = "EventlogError";
  /** File of the section. */
  readonly file: string;
  /** Line of the section. */
  readonly line: number;

  /**
   * An error about a section.
   *
   * @param reason What is wrong, with the value, and what was expected.
   */
  constructor(position: EventlogPosition, reason: string, options?: ErrorOptions) {
    super(`${position.file}:${position.line}: ${reason}`, options);
    this.file = position.file;
    this.line = position.line;
  }
}
