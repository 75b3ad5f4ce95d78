/**
 * `$name`, `${name}`, `$(NAME)` and `$$` in values and in the arguments of directives.
 *
 * @module
 */

/** Where a replacement comes from. */
export interface Replacements {
  /** The text that `%define` gave a name; names are lower-case. */
  readonly define: (name: string) => string | undefined;
  /** An environment variable; names are taken as written. */
  readonly environment: (name: string) => string | undefined;
}

/** A `$` that can't be replaced. The message says which, and what was expected. */
export class SubstitutionError extends Error {
  /** Tells it from other errors. */
  override name = "SubstitutionError";
}

/** Longest text that a substitution may grow to, in UTF-16 units. Defines of defines double at each step. */
export const LONGEST_VALUE = 1 << 20;

const NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y;

/** A name that `%define` may give. */
export function isSubstitutionName(text: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(text);
}

interface Reference {
  /** What to put in its place. */
  readonly text: string;
  /** Index after the reference. */
  readonly end: number;
}

function nameAt(text: string, index: number): string | undefined {
  NAME.lastIndex = index;
  return NAME.exec(text)?.[0];
}

function readReference(text: string, dollar: number, from: Replacements): Reference {
  const next = text[dollar + 1];
  if (next === undefined) {
    throw new SubstitutionError(`lone "$" at the end: write "$$" for a dollar sign`);
  }
  if (next === "$") return { text: "$", end: dollar + 2 };
  const closing = next === "{" ? "}" : next === "(" ? ")" : "";
  const start = dollar + (closing === "" ? 1 : 2);
  const name = nameAt(text, start);
  if (name === undefined) {
    throw new SubstitutionError(
      `"${
        text.slice(dollar, start)
      }" without a name after it: expected $name, \${name}, $(VARIABLE), or $$ for a dollar sign`,
    );
  }
  const after = start + name.length;
  if (closing !== "" && text[after] !== closing) {
    throw new SubstitutionError(`"${text.slice(dollar, after)}" without "${closing}" after it`);
  }
  if (closing === ")") {
    const value = from.environment(name);
    if (value === undefined) {
      throw new SubstitutionError(
        `environment variable ${name} is not set, or reading it is not permitted (--allow-env=${name})`,
      );
    }
    return { text: value, end: after + 1 };
  }
  const value = from.define(name.toLowerCase());
  if (value === undefined) {
    throw new SubstitutionError(`"${name}" is not defined: expected "%define ${name} …" above it`);
  }
  return { text: value, end: after + closing.length };
}

/**
 * The text with its references replaced. What is put in is not looked at again.
 *
 * Throws {@link SubstitutionError}.
 */
export function substitute(text: string, from: Replacements): string {
  let result = "";
  let index = 0;
  for (;;) {
    const dollar = text.indexOf("$", index);
    if (dollar < 0) break;
    const reference = readReference(text, dollar, from);
    result += text.slice(index, dollar) + reference.text;
    index = reference.end;
    if (result.length > LONGEST_VALUE) {
      throw new SubstitutionError(`grows beyond ${LONGEST_VALUE} characters`);
    }
  }
  return result + text.slice(index);
}
