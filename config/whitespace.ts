/**
 * White space as configuration files have always meant it: Unicode's, with the separators U+001C…U+001F and U+0085,
 * and without the byte order mark that JavaScript's `\s` and `trim` include.
 *
 * @module
 */

/** The white space characters, to be put into a character class of a regular expression. */
export const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const ENDS = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, "g");
const RUN = new RegExp(`[${SPACE}]+`);

/** The text without white space at its ends. */
export function strip(text: string): string {
  return text.replace(ENDS, "");
}

/** The words of a text, between white space. */
export function words(text: string): string[] {
  return strip(text).split(RUN).filter((word) => word !== "");
}
