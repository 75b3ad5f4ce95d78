/**
 * Python's persistent weak references.
 *
 * @module
 */

import type { Awaitable, Oid } from "../../values/mod.ts";
import { CONTROL } from "../control.ts";
import type { PersistentBase } from "../persistent.ts";
import { ValueObject } from "./value_object.ts";

/** Where a weak reference leads. */
export interface WeakTarget {
  /** The object, fetched if it has to be; undefined when it is gone. */
  fetch(oid: Oid, database: string | undefined): Awaitable<PersistentBase | undefined>;
}

/**
 * A reference that doesn't keep its object: a pack may remove it when nothing else refers to it. Python's
 * `persistent.wref.WeakRef`.
 */
export class WeakReference<T extends PersistentBase = PersistentBase> extends ValueObject {
  readonly #object: T | undefined;
  readonly #target: WeakTarget | undefined;
  readonly #oid: Oid | undefined;
  /** The database that the object is in, when it is another one. */
  readonly database: string | undefined;

  /** A weak reference to an object. It has to be stored already, or together with this reference. */
  constructor(object: T | { readonly oid: Oid; readonly database?: string; readonly target: WeakTarget }) {
    super();
    if (CONTROL in object) {
      this.#object = object;
    } else {
      this.#oid = object.oid;
      this.#target = object.target;
      this.database = object.database;
    }
  }

  /** The object's id; undefined for a new object. */
  get oid(): Oid | undefined {
    return this.#oid ?? this.#object?._p_oid;
  }

  /** The object that was given, for the writer. */
  get target(): T | undefined {
    return this.#object;
  }

  /** The object, loaded; undefined when it is gone. */
  get(): Awaitable<T | undefined> {
    if (this.#object) return this.#object;
    return this.#target!.fetch(this.#oid!, this.database) as Awaitable<T | undefined>;
  }

  /** Whether it leads to the same object. */
  override isSameKey(other: ValueObject): boolean {
    if (!(other instanceof WeakReference)) return false;
    if (this.#object && other.#object) return this.#object === other.#object;
    return this.oid !== undefined && this.oid === other.oid && this.database === other.database;
  }

  /** Its text. */
  override toString(): string {
    return `weak reference to ${this.oid ?? "a new object"}${this.database ? ` in ${this.database}` : ""}`;
  }
}
