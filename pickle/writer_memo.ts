/**
 * What a writer has written already, and under which number.
 *
 * @module
 */

import { Global } from "./value.ts";

/** Memo numbers: of equal strings and equal globals one, of other values one each. */
export class WriterMemo {
  readonly #strings = new Map<string, number>();
  readonly #globals = new Map<string, number>();
  readonly #objects = new Map<object, number>();
  #next = 0;

  numberOf(value: string | object): number | undefined {
    if (typeof value === "string") return this.#strings.get(value);
    return value instanceof Global ? this.#globals.get(globalKey(value)) : this.#objects.get(value);
  }

  add(value: string | object): number {
    if (typeof value === "string") this.#strings.set(value, this.#next);
    else if (value instanceof Global) this.#globals.set(globalKey(value), this.#next);
    else this.#objects.set(value, this.#next);
    return this.#next++;
  }

  /** Forgets all; numbers go on. */
  forget(): void {
    this.#strings.clear();
    this.#globals.clear();
    this.#objects.clear();
  }
}

function globalKey(global: Global): string {
  return `${global.module}\n${global.name}`;
}
