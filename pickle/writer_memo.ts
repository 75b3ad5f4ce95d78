/**
 * What a writer has written already, and under which number.
 *
 * @module
 */

import { Global } from "./value.ts";

/** Memo numbers: of equal strings and equal globals one, of other values one each. */
export class WriterMemo {
  readonly #strings = new Map<string, number>();
  /** By their names, which few of them share. */
  readonly #globals = new Map<string, { readonly module: string; readonly number: number }[]>();
  readonly #objects = new Map<object, number>();
  #next = 0;

  numberOf(value: string | object): number | undefined {
    if (typeof value === "string") return this.#strings.get(value);
    if (!(value instanceof Global)) return this.#objects.get(value);
    const known = this.#globals.get(value.name);
    if (known) { for (const { module, number } of known) if (module === value.module) return number; }
    return undefined;
  }

  add(value: string | object): number {
    if (typeof value === "string") this.#strings.set(value, this.#next);
    else if (value instanceof Global) this.#addGlobal(value);
    else this.#objects.set(value, this.#next);
    return this.#next++;
  }

  #addGlobal({ module, name }: Global): void {
    const known = this.#globals.get(name), entry = { module, number: this.#next };
    if (known) known.push(entry);
    else this.#globals.set(name, [entry]);
  }

  /** Forgets all; numbers go on. */
  forget(): void {
    this.#strings.clear();
    this.#globals.clear();
    this.#objects.clear();
  }

  /** Forgets all; numbers begin again. */
  clear(): void {
    this.forget();
    this.#next = 0;
  }
}
