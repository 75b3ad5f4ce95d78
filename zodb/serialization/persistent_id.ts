/**
 * Persistent ids: what stands in a record for another object.
 *
 *   (oid, class)                   an object of this database
 *   oid                            one whose class takes arguments: its own record says which
 *   ['m', (database, oid, class)]  an object of another database
 *   ['n', (database, oid)]         the same for a class that takes arguments
 *   ['w', (oid,)]                  a weak reference; ['w', (oid, database)] into another database
 *   [oid]                          a weak reference, in old databases
 *
 * A class is a global; a tuple of module and name for a class that is itself an object in the database.
 *
 * @module
 */

import { Instance, PickleError, Tuple, type Value } from "../../pickle/mod.ts";
import { type Oid, oidBytes, oidFromBytes } from "../../values/mod.ts";

/** What a persistent id says. */
export interface ReferenceParts {
  readonly oid: Oid;
  /** The class, as it stands there; undefined where only the object's record says. */
  readonly class?: Value;
  /** The database; undefined for the one that the record is in. */
  readonly database?: string;
  readonly weak: boolean;
}

/** Reads a persistent id. @throws {PickleError} when it is of no known form. */
export function parsePersistentId(pid: Value): ReferenceParts {
  if (pid instanceof Tuple && pid.length === 2) {
    return { oid: oidOf(pid.items[0]), class: pid.items[1], weak: false };
  }
  if (!Array.isArray(pid)) return { oid: oidOf(pid), weak: false };
  if (pid.length === 1) return { oid: oidOf(pid[0]), weak: true };
  const [kind, details] = pid;
  if (details instanceof Tuple) {
    const [first, second, third] = details.items;
    if (kind === "w" && details.length === 1) return { oid: oidOf(first), weak: true };
    if (kind === "w" && typeof second === "string") {
      return { oid: oidOf(first), database: second, weak: true };
    }
    if (kind === "n" && typeof first === "string") {
      return { oid: oidOf(second), database: first, weak: false };
    }
    if (kind === "m" && typeof first === "string") {
      return { oid: oidOf(second), database: first, class: third, weak: false };
    }
  }
  throw new PickleError("a persistent reference of no known form");
}

/** Makes persistent ids for one record: equal object ids in it share their bytes, as when Python writes them. */
export class PersistentIds {
  readonly #bytes = new Map<Oid, Uint8Array>();

  /** Forgets them: what comes next is another record's. */
  clear(): void {
    this.#bytes.clear();
  }

  /** The id of an object. @param description The class; undefined for one that takes arguments. */
  of(oid: Oid, description: Value | undefined, database?: string): Value {
    const id = this.#bytesOf(oid);
    if (database === undefined) return description === undefined ? id : new Tuple([id, description]);
    if (description === undefined) return ["n", new Tuple([database, id])];
    return ["m", new Tuple([database, id, description])];
  }

  /** The id of a weak reference. */
  weak(oid: Oid, database?: string): Value {
    const id = this.#bytesOf(oid);
    return ["w", new Tuple(database === undefined ? [id] : [id, database])];
  }

  #bytesOf(oid: Oid): Uint8Array {
    let bytes = this.#bytes.get(oid);
    if (!bytes) this.#bytes.set(oid, bytes = oidBytes(oid));
    return bytes;
  }
}

/** An object id: eight bytes, or what Python 2 and old protocols made of them. */
function oidOf(value: Value | undefined): Oid {
  if (value instanceof Instance && value.isA("_codecs", "encode")) value = value.args.items[0];
  if (typeof value === "string") value = Uint8Array.from(value, (character) => character.charCodeAt(0));
  if (value instanceof Uint8Array && value.length === 8) return oidFromBytes(value);
  throw new PickleError("a persistent reference without an object id of 8 bytes");
}
