/**
 * The syntax of configuration files, line by line:
 *
 *   # comment                     a line that starts with #; there are no comments after something else
 *   key value…                    the value runs to the end of the line and may be empty
 *   <type> or <type name>         opens a section; <type/> and <type name/> open and close one
 *   </type>                       closes it
 *   %define name value…           names a text, for $name and ${name} in the values after it
 *   %include file                 reads another file here, relative to this one
 *   %import package               makes the section types of a package known from here on
 *
 * Types, names and keys don't distinguish case. What the sections and keys mean is not decided here.
 *
 * @module
 */

import { ConfigurationError, type Position, quote } from "./errors.ts";
import type { ConfigurationHost } from "./host.ts";
import { LocationError, resolveLocation } from "./location.ts";
import { isSubstitutionName, substitute, SubstitutionError } from "./substitution.ts";
import { SPACE, strip } from "./whitespace.ts";

/** A key with its value, and where it stands. */
export interface ParsedKey {
  /** The key, in lower case. */
  readonly name: string;
  /** The value, after substitution. */
  readonly value: string;
  readonly position: Position;
}

/** A section with what is in it, in the order of the file. */
export interface ParsedSection {
  /** The type, in lower case; empty for a whole file. */
  readonly type: string;
  /** The name, in lower case. */
  readonly name?: string;
  readonly position: Position;
  /** Packages that had been imported where the section starts. */
  readonly imported: ReadonlySet<string>;
  readonly keys: readonly ParsedKey[];
  readonly sections: readonly ParsedSection[];
}

/** What parsing needs from outside. */
export interface SyntaxContext {
  readonly host: ConfigurationHost;
  /** Packages that `%import` may name. */
  readonly packages: ReadonlySet<string>;
}

/** How deep sections may be nested. */
export const DEEPEST_NESTING = 64;
/** How deep files may include each other. */
export const DEEPEST_INCLUDE = 32;
/** How many files a configuration may include altogether. */
export const MOST_INCLUDES = 1000;

const KEY_LINE = new RegExp(`^([^${SPACE}()]+)[${SPACE}]*(.*)$`, "s");
const KEY_NAME = /^[a-zA-Z][-._a-zA-Z0-9]*$/;
const HEADER = new RegExp(`^([^${SPACE}()]+)(?:[${SPACE}]+([^${SPACE}()]+))?[${SPACE}]*$`);
const DIRECTIVE = new RegExp(`^%([a-zA-Z0-9_]+)(?:[${SPACE}]+(.*))?$`, "s");
const FIRST_WORD = new RegExp(`^([^${SPACE}]+)[${SPACE}]*(.*)$`, "s");

interface OpenSection extends ParsedSection {
  readonly keys: ParsedKey[];
  readonly sections: ParsedSection[];
}

/** The section as an error names it: `filestorage main`; undefined for a whole file. */
export function describeSection(section: ParsedSection): string | undefined {
  if (section.type === "") return undefined;
  return section.name === undefined ? section.type : `${section.type} ${section.name}`;
}

class Parser {
  readonly #context: SyntaxContext;
  readonly #defines = new Map<string, string>();
  readonly #including: string[] = [];
  #imported: ReadonlySet<string> = new Set();
  #open: OpenSection[] = [];
  #includes = 0;

  constructor(context: SyntaxContext) {
    this.#context = context;
  }

  parse(text: string, file: string): ParsedSection {
    const root = this.#section({ file, line: 0 }, "");
    this.#open = [root];
    this.#file(text, file);
    return root;
  }

  #section(position: Position, type: string, name?: string): OpenSection {
    return { type, name, position, imported: this.#imported, keys: [], sections: [] };
  }

  #file(text: string, file: string): void {
    const outer = this.#open.length;
    this.#including.push(file);
    if (text.startsWith("\ufeff")) {
      throw new ConfigurationError(
        { file, line: 1 },
        "the file starts with a byte order mark: expected UTF-8 without one",
      );
    }
    let line = 0;
    for (const raw of text.split("\n")) {
      line++;
      const content = strip(raw);
      if (content !== "" && !content.startsWith("#")) this.#line(content, { file, line }, outer);
    }
    const unclosed = this.#open.length > outer ? this.#open.at(-1) : undefined;
    if (unclosed !== undefined) {
      throw new ConfigurationError(
        unclosed.position,
        `expected </${unclosed.type}> before the end of the file`,
        { section: describeSection(unclosed) },
      );
    }
    this.#including.pop();
  }

  #line(content: string, position: Position, outer: number): void {
    if (content.startsWith("</")) this.#close(content, position, outer);
    else if (content.startsWith("<")) this.#start(content, position);
    else if (content.startsWith("%")) this.#directive(content, position);
    else this.#key(content, position);
  }

  #start(content: string, position: Position): void {
    const empty = content.endsWith("/>");
    const header = content.endsWith(">") ? HEADER.exec(content.slice(1, empty ? -2 : -1)) : null;
    if (header === null) {
      throw new ConfigurationError(position, "malformed section: expected <type> or <type name>", {
        value: content,
      });
    }
    const section = this.#section(position, header[1].toLowerCase(), header[2]?.toLowerCase());
    if (this.#open.length > DEEPEST_NESTING) {
      throw new ConfigurationError(position, `sections nested more than ${DEEPEST_NESTING} deep`, {
        section: describeSection(section),
      });
    }
    this.#current.sections.push(section);
    if (!empty) this.#open.push(section);
  }

  get #current(): OpenSection {
    return this.#open[this.#open.length - 1];
  }

  #close(content: string, position: Position, outer: number): void {
    if (!content.endsWith(">")) {
      throw new ConfigurationError(position, "malformed end of a section: expected </type>", {
        value: content,
      });
    }
    if (this.#open.length <= outer) {
      throw new ConfigurationError(position, "ends a section, but none is open in this file", {
        value: content,
      });
    }
    const section = this.#current;
    if (strip(`.${content.slice(2, -1)}`).slice(1).toLowerCase() !== section.type) {
      throw new ConfigurationError(
        position,
        `expected </${section.type}>, for the section of line ${section.position.line}`,
        { value: content },
      );
    }
    this.#open.pop();
  }

  #key(content: string, position: Position): void {
    const match = KEY_LINE.exec(content);
    if (match === null) {
      throw new ConfigurationError(position, "expected a key and its value, a <section> or a %directive", {
        value: content,
      });
    }
    if (!KEY_NAME.test(match[1])) {
      throw new ConfigurationError(
        position,
        `malformed key: expected a letter, then letters, digits, "-", "_" or "."`,
        { section: describeSection(this.#current), value: match[1] },
      );
    }
    const name = match[1].toLowerCase();
    const value = this.#substitute(match[2], position, name);
    this.#current.keys.push({ name, value, position });
  }

  #substitute(text: string, position: Position, key?: string): string {
    try {
      return substitute(text, {
        define: (name) => this.#defines.get(name),
        environment: this.#context.host.environment,
      });
    } catch (error) {
      if (!(error instanceof SubstitutionError)) throw error;
      throw new ConfigurationError(position, error.message, {
        section: describeSection(this.#current),
        key,
        value: text,
      });
    }
  }

  #directive(content: string, position: Position): void {
    const [, directive, argument = ""] = DIRECTIVE.exec(content) ?? [];
    if (directive !== "define" && directive !== "include" && directive !== "import") {
      throw new ConfigurationError(position, "expected %define, %include or %import", { value: content });
    }
    if (argument === "") {
      const expected = { define: "a name and a text", include: "a file", import: "a package" }[directive];
      throw new ConfigurationError(position, `expected ${expected}`, { key: `%${directive}` });
    }
    if (directive === "define") this.#define(argument, position);
    else if (directive === "include") this.#include(argument, position);
    else this.#import(argument, position);
  }

  #define(argument: string, position: Position): void {
    const [, name, text] = FIRST_WORD.exec(argument) ?? [];
    if (!isSubstitutionName(name)) {
      throw new ConfigurationError(position, `expected a name of letters, digits and "_"`, {
        key: "%define",
        value: name,
      });
    }
    const value = this.#substitute(text, position, "%define");
    const before = this.#defines.get(name.toLowerCase());
    // The text is compared as it is written, so that what a name stands for is seen where it is defined first.
    if (before !== undefined && before !== text) {
      throw new ConfigurationError(position, `"${name}" is already defined as ${quote(before)}`, {
        key: "%define",
        value: text,
      });
    }
    this.#defines.set(name.toLowerCase(), value);
  }

  #import(argument: string, position: Position): void {
    const name = this.#substitute(argument, position, "%import");
    if (!this.#context.packages.has(name)) {
      const known = [...this.#context.packages].sort().join(", ");
      throw new ConfigurationError(position, `unknown package: expected one of ${known}`, {
        key: "%import",
        value: name,
      });
    }
    this.#imported = new Set([...this.#imported, name]);
  }

  #include(argument: string, position: Position): void {
    const location = this.#substitute(argument, position, "%include");
    const refuse = (problem: string) =>
      new ConfigurationError(position, problem, { key: "%include", value: location });
    let path: string;
    try {
      path = resolveLocation(location, position.file);
    } catch (error) {
      throw error instanceof LocationError ? refuse(error.message) : error;
    }
    if (this.#including.includes(path)) throw refuse(`${path} includes itself`);
    if (this.#including.length > DEEPEST_INCLUDE) {
      throw refuse(`files included more than ${DEEPEST_INCLUDE} deep`);
    }
    if (++this.#includes > MOST_INCLUDES) throw refuse(`more than ${MOST_INCLUDES} files included`);
    let text: string;
    try {
      text = this.#context.host.read(path);
    } catch (error) {
      throw refuse(`can't read ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#file(text, path);
  }
}

/** The sections and keys of a text. Throws {@link ConfigurationError} on the first mistake. */
export function parseSyntax(text: string, file: string, context: SyntaxContext): ParsedSection {
  return new Parser(context).parse(text, file);
}
