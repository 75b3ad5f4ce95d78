/**
 * Character encodings of log files, by the names that Python gives them.
 *
 * @module
 */

/** Turns a line into the bytes of a file. */
export type LineEncoder = (line: string) => Uint8Array<ArrayBuffer>;

/** The highest code point that each single-byte encoding has. */
const LIMITS: Readonly<Record<string, number>> = {
  ascii: 0x7f,
  "us-ascii": 0x7f,
  "646": 0x7f,
  "latin-1": 0xff,
  latin1: 0xff,
  l1: 0xff,
  "iso-8859-1": 0xff,
  "iso8859-1": 0xff,
};

/** What {@link lineEncoder} knows, for error messages. */
export const ENCODINGS = "utf-8, ascii or latin-1";

/**
 * The encoder for a Python encoding name; `undefined` for one that we don't have.
 *
 * A character that the encoding lacks is written as an escape (`\u20ac`): a log line is never lost for one.
 */
export function lineEncoder(name: string | undefined): LineEncoder | undefined {
  const known = (name ?? "utf-8").toLowerCase().replaceAll(/[_ ]/g, "-");
  if (["utf-8", "utf8", "u8", "locale"].includes(known)) {
    const encoder = new TextEncoder();
    return (line) => encoder.encode(line);
  }
  if (!Object.hasOwn(LIMITS, known)) return undefined;
  const limit = LIMITS[known];
  return (line) => {
    const bytes: number[] = [];
    for (const character of line) {
      const code = character.codePointAt(0)!;
      if (code <= limit) bytes.push(code);
      else for (const digit of escape(code)) bytes.push(digit.charCodeAt(0));
    }
    return Uint8Array.from(bytes);
  };
}

function escape(code: number): string {
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}
