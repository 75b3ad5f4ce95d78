/**
 * Running what somebody types, line by line: expressions and statements, `await` included, with variables that stay.
 *
 * @module
 */

type Run = (scope: object) => Promise<unknown>;

const AsyncFunction = Object.getPrototypeOf(async function () {}).constructor as {
  new (parameter: string, body: string): Run;
};

const DECLARATION = /^\s*(?:const|let|var)\s+(?=[\w$[{])/;
const DEFINITION = /^\s*(?:async\s+)?(?:function\b\s*\*?|class\b)\s*([\w$]+)/;

/** See the module. */
export class Evaluator {
  readonly #names: Record<string, unknown>;
  readonly #scope: object;

  /** @param names What is at hand. */
  constructor(names: Readonly<Record<string, unknown>>) {
    this.#names = Object.assign(Object.create(null), names);
    this.#scope = new Proxy(this.#names, {
      // All names that the language doesn't know are looked up, and made, here.
      has: (names, key) => typeof key === "string" && (key in names || !(key in globalThis)),
      get: (names, key) => {
        if (typeof key === "symbol") return undefined;
        if (key in names) return names[key];
        throw new ReferenceError(`${key} is not defined`);
      },
      set: (names, key, value) => {
        names[key as string] = value;
        return true;
      },
    });
  }

  /**
   * Runs a piece of code. Its value is also called `_` from then on.
   *
   * @returns The value of an expression, or of the promise that it is; undefined for statements.
   * @throws {SyntaxError} when it is neither; what it throws.
   */
  async run(code: string): Promise<unknown> {
    let value: unknown;
    for (const step of compileSteps(code)) value = await step(this.#scope);
    if (value !== undefined) this.#names._ = value;
    return value;
  }
}

/** Statements one by one, so that each one's promise is waited for, where they can stand alone. */
function compileSteps(code: string): Run[] {
  try {
    const { ends } = scan(code);
    return ends.map((end, place) => code.slice(place === 0 ? 0 : ends[place - 1], end))
      .filter((statement) => /[^\s;]/.test(statement)).map(compile);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [compile(code)];
  }
}

function compile(code: string): Run {
  const definition = DEFINITION.exec(code);
  const plain = definition
    ? `${definition[1]} = ${code}`
    : DECLARATION.test(code)
    ? assignment(code.replace(DECLARATION, ""))
    : code;
  const inScope = (body: string) => new AsyncFunction("names", `with (names) {\n${body}\n}`);
  try {
    return inScope(`return (${plain.replace(/[;\s]+$/, "")}\n);`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return inScope(plain);
  }
}

/** A declaration without its word: `{ a, b } = c` is an assignment only within parentheses. */
function assignment(code: string): string {
  const whole = code.replace(/[;\s]+$/, "");
  return whole.startsWith("{") ? `(${whole})` : /^[\w$]+$/.test(whole) ? `${whole} = undefined` : whole;
}

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** Whether a piece of code may go on in the next line: a bracket, a template or a comment is open. */
export function isUnfinished(code: string): boolean {
  return scan(code).open;
}

/** Whether something is open at the end, and where statements end: behind semicolons that are in no bracket, and there. */
function scan(code: string): { readonly open: boolean; readonly ends: readonly number[] } {
  const open: string[] = [], ends: number[] = [];
  for (let at = 0; at < code.length; at++) {
    const character = code[at], innermost = open.at(-1);
    if (innermost === "`") {
      if (character === "\\") at++;
      else if (character === "`") open.pop();
      else if (code.startsWith("${", at)) {
        open.push("}");
        at++;
      }
    } else if (character === "`") open.push("`");
    else if (character === '"' || character === "'") {
      const end = endOfText(code, at);
      if (end < 0) return { open: false, ends: [code.length] };
      at = end;
    } else if (code.startsWith("//", at)) {
      const end = code.indexOf("\n", at);
      if (end < 0) break;
      at = end;
    } else if (code.startsWith("/*", at)) {
      const end = code.indexOf("*/", at + 2);
      if (end < 0) return { open: true, ends: [code.length] };
      at = end + 1;
    } else if (CLOSING[character]) open.push(CLOSING[character]);
    else if (character === innermost) open.pop();
    else if (character === ";" && innermost === undefined) ends.push(at + 1);
  }
  return { open: open.length > 0, ends: [...ends, code.length] };
}

/** Where a text in quotes ends; -1 when its line ends before. */
function endOfText(code: string, start: number): number {
  for (let at = start + 1; at < code.length && code[at] !== "\n"; at++) {
    if (code[at] === "\\") at++;
    else if (code[at] === code[start]) return at;
  }
  return -1;
}
