/**
 * Persistent references, as resolvers see them: what makes two the same, and when they can be compared.
 *
 *   (oid, class)   oid               in this database
 *   ['n', (db, oid)]  ['m', (db, oid, class)]   in another
 *   ['w', (oid,)]  ['w', (oid, db)]  [oid]      weak
 *
 * @module
 */

import { Global, PersistentReference, Tuple, type Value } from "../../pickle/mod.ts";
import { Unresolvable } from "./unresolvable.ts";

/** Tuples and lists within each other in which references are looked for. */
const MAX_DEPTH = 16;
/** What the known forms of references need: a few items in a few tuples, and names. */
const MAX_FORM_DEPTH = 3, MAX_FORM_ITEMS = 3, MAX_NAME = 1024;

/**
 * A text that is the same for references of the same form, object and class: where there is one, Python has one
 * reference object for all three states.
 *
 * @throws {Unresolvable} when the reference has none of the known forms.
 */
export function referenceKey(reference: PersistentReference): string {
  const { pid } = reference;
  return Array.isArray(pid) ? `list ${partKey(new Tuple(pid), 0)}` : partKey(pid, 0);
}

function partKey(part: Value, depth: number): string {
  if (part instanceof Uint8Array && part.length < MAX_NAME) return `b${part.toHex()}`;
  if (typeof part === "string" && part.length < MAX_NAME) return `s${JSON.stringify(part)}`;
  if (part instanceof Global && part.module.length + part.name.length < MAX_NAME) {
    return `c${JSON.stringify([part.module, part.name])}`;
  }
  if (part instanceof Tuple && depth < MAX_FORM_DEPTH && part.length <= MAX_FORM_ITEMS) {
    return `(${part.items.map((item) => partKey(item, depth + 1)).join()})`;
  }
  throw unknownForm();
}

/**
 * Whether two references, of which neither is weak, are to the same object. Weak ones are the same only if they
 * are written the same.
 *
 * @throws {Unresolvable} when they are not the same, as ZODB does: who knows whether two objects are equal.
 */
export function requireSameObject(left: PersistentReference, right: PersistentReference): void {
  if (left === right || referenceKey(left) === referenceKey(right)) return;
  const one = target(left), other = target(right);
  if (one === undefined || other === undefined) throw new Unresolvable("weak references can't be compared");
  if (one !== other) throw new Unresolvable("references to different objects can't be compared");
}

/** Object and database as a text; undefined for a weak reference. */
function target({ pid }: PersistentReference): string | undefined {
  if (!Array.isArray(pid)) {
    return `${oidHex(pid instanceof Tuple && pid.length === 2 ? pid.items[0] : pid)} here`;
  }
  const [form, args] = pid;
  if (pid.length === 1 || form === "w") return undefined;
  if ((form === "n" || form === "m") && args instanceof Tuple && args.length === (form === "n" ? 2 : 3)) {
    const [database, oid] = args.items;
    if (typeof database === "string") return `${oidHex(oid)} in ${database}`;
  }
  throw unknownForm();
}

function oidHex(oid: Value): string {
  if (oid instanceof Uint8Array && oid.length === 8) return oid.toHex();
  // Python 2 wrote them as str.
  if (typeof oid === "string" && /^[\0-\x7f]{8}$/.test(oid)) return new TextEncoder().encode(oid).toHex();
  throw unknownForm();
}

function unknownForm(): Unresolvable {
  return new Unresolvable("a persistent reference of no known form");
}

/**
 * Makes the references of some states that are written the same into one object, so that the result is
 * written as Python writes it. Looks into tuples and lists, of which states of BTrees consist; in other values it
 * does not matter but for a few bytes.
 *
 * @throws {Unresolvable} when a reference has none of the known forms.
 */
export class ReferencePool {
  readonly #references = new Map<string, PersistentReference>();

  /** The state, with references replaced by those that earlier states had. */
  share(state: Value): Value {
    return this.#share(state, 0, new Map());
  }

  /** @param done Tuples and lists that were looked into, and what became of them. */
  #share(value: Value, depth: number, done: Map<Value, Value>): Value {
    if (value instanceof PersistentReference) {
      const key = referenceKey(value), first = this.#references.get(key);
      if (first === undefined) this.#references.set(key, value);
      return first ?? value;
    }
    if (depth >= MAX_DEPTH || !(value instanceof Tuple || Array.isArray(value))) return value;
    const known = done.get(value);
    if (known !== undefined) return known;
    if (Array.isArray(value)) {
      done.set(value, value);
      for (const [index, item] of value.entries()) value[index] = this.#share(item, depth + 1, done);
      return value;
    }
    const items = value.items.map((item) => this.#share(item, depth + 1, done));
    const shared = items.some((item, index) => item !== value.items[index]) ? new Tuple(items) : value;
    done.set(value, shared);
    return shared;
  }
}
