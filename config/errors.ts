/**
 * What is wrong with a configuration, and where.
 *
 * @module
 */

/** A line of a file. Lines count from 1; 0 means that there is no line, as for a command line option. */
export interface Position {
  /** The file as it was named by whoever asked for it, or the option (`-X`, `-f`). */
  readonly file: string;
  /** The line, from 1; 0 for none. */
  readonly line: number;
}

/** What a {@link ConfigurationError} is about. */
export interface ConfigurationErrorSubject {
  /** The section, written as in the file without the brackets: `filestorage main`. */
  readonly section?: string;
  /** The key in the section. */
  readonly key?: string;
  /** The value as it was read, after substitution. */
  readonly value?: string;
}

const LONGEST_QUOTE = 200;
const CONTROLS = /\p{Cc}|[\u2028\u2029]/gu;

function visible(text: string): string {
  return text.replace(CONTROLS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A value as an error shows it: quoted, on one line, cut off where it gets long. */
export function quote(value: string): string {
  const shown = value.length > LONGEST_QUOTE ? `${value.slice(0, LONGEST_QUOTE)}…` : value;
  return visible(JSON.stringify(shown));
}

/**
 * A configuration that can't be used. The message is one line that names file, line, section, key and value, and says
 * what was expected:
 *
 * `zeo.conf:12: <zeo> transaction-timeout "soon": expected seconds as an integer, for example 30`
 */
export class ConfigurationError extends Error {
  /** Tells it from other errors. */
  override name = "ConfigurationError";
  /** The file, or the option that a value came from. */
  readonly file: string;
  /** The line, from 1; 0 where there is none. */
  readonly line: number;
  /** The section, where one is concerned. */
  readonly section?: string;
  /** The key, where one is concerned. */
  readonly key?: string;
  /** The value, where one is concerned. */
  readonly value?: string;

  /**
   * Puts the message together.
   *
   * @param problem What is wrong and what was expected, without the position.
   */
  constructor(position: Position, problem: string, subject: ConfigurationErrorSubject = {}) {
    const place = position.line > 0 ? `${position.file}:${position.line}` : position.file;
    const about = [
      subject.section === undefined ? undefined : `<${subject.section}>`,
      subject.key,
      subject.value === undefined ? undefined : quote(subject.value),
    ].filter((part) => part !== undefined).join(" ");
    super(visible(`${place}: ${about === "" ? "" : `${about}: `}${problem}`));
    this.file = position.file;
    this.line = position.line;
    this.section = subject.section;
    this.key = subject.key;
    this.value = subject.value;
  }
}
