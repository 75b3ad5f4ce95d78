/**
 * Conflict resolution: what the server does when a transaction stores an object that another transaction has
 * changed meanwhile.
 *
 *   old         the revision that the transaction read      ┐
 *   committed   the one that is current now                 ├ resolver ─▶ result, stored in place of new
 *   new         what the transaction wants to store         ┘
 *
 * Only states are looked at; a class is a name, by which its resolver is found.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import {
  Global,
  PickleError,
  readRecord,
  type RecordParts,
  Tuple,
  type Value,
  writeRecord,
} from "../../pickle/mod.ts";
import { formatOid, type Oid, StorageError, type Tid } from "../../values/mod.ts";
import { ReferencePool } from "./references.ts";
import { ResolverRegistry } from "./registry.ts";
import { Unresolvable } from "./unresolvable.ts";

const logger = getLogger(["zeo", "storage", "conflict"]);

/** Two changes of one object. */
export interface ConflictQuestion {
  /** The object. */
  readonly oid: Oid;
  /** The revision that is current now. */
  readonly committed: Tid;
  /** The revision that the transaction started from. */
  readonly read: Tid;
  /** The record that the transaction wants to store. */
  readonly newData: Uint8Array;
  /**
   * The record of one of the two revisions.
   *
   * @throws {POSKeyError} when it is gone, packed away for instance.
   */
  load(serial: Tid): Uint8Array;
}

/** Refused by Python's reader, so that it would not have resolved the conflict. */
const MAX_PROTOCOL = 3;

/**
 * Resolves conflicts with the resolvers of a registry.
 *
 * @example
 * ```ts
 * import { ConflictResolver } from "./mod.ts";
 * import { Global, readRecord, writeRecord } from "../../pickle/mod.ts";
 * import { oid, tid } from "../../values/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const length = (state: number) => writeRecord(new Global("BTrees.Length", "Length"), state);
 * const result = new ConflictResolver().resolve({
 *   oid: oid(1),
 *   committed: tid(2),
 *   read: tid(1),
 *   newData: length(13),
 *   load: (serial) => length(serial === tid(1) ? 10 : 12),
 * });
 * assertEquals(result && readRecord(result).state, 15);
 * ```
 */
export class ConflictResolver {
  readonly #registry: ResolverRegistry;

  /** A resolver that knows the registry's classes; without one, those that ZODB has itself. */
  constructor(registry: ResolverRegistry = new ResolverRegistry()) {
    this.#registry = registry;
  }

  /**
   * The record that has both changes; undefined when there can't be one, whatever the reason. The reason goes
   * to the log.
   */
  resolve(question: ConflictQuestion): Uint8Array<ArrayBuffer> | undefined {
    let className: string | undefined;
    try {
      const proposed = read(question.newData);
      className = classNameOf(proposed.class);
      const resolver = this.#registry.get(className);
      if (resolver === undefined) throw new Unresolvable("no resolver for the class");
      const states = statesOf(question, proposed);
      return writeRecord(proposed.class, call(resolver, states, className));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      logger.debug("Conflict resolution on {type} failed with ConflictError: {oid}: {reason}", {
        type: className === undefined ? "an object" : `<class '${className}'>`,
        oid: formatOid(question.oid),
        reason: error.message,
      });
      return undefined;
    }
  }
}

function isRefusal(error: unknown): error is Error {
  return error instanceof Unresolvable || error instanceof PickleError || error instanceof StorageError;
}

/** Bytes are copied, so that no resolver gets hold of what a cache may keep. */
function read(record: Uint8Array): RecordParts {
  return readRecord(record, { maxProtocol: MAX_PROTOCOL, copyBytes: true });
}

/** Old, committed and new: those and no others, whatever is current by the time it is read. */
function statesOf(question: ConflictQuestion, proposed: RecordParts): [Value, Value, Value] {
  const pool = new ReferencePool();
  const current = pool.share(proposed.state);
  const old = pool.share(read(question.load(question.read)).state);
  const committed = pool.share(read(question.load(question.committed)).state);
  return [old, committed, current];
}

/** A resolver that breaks is a bug of whoever registered it, but no reason to lose more than this transaction. */
function call(
  resolver: (...states: [Value, Value, Value]) => Value,
  states: [Value, Value, Value],
  className: string,
): Value {
  try {
    return resolver(...states);
  } catch (error) {
    if (isRefusal(error)) throw error;
    logger.error("resolver of {className} failed: {error}", { className, error });
    throw new Unresolvable("its resolver failed", { cause: error });
  }
}

/** The dotted name in a class description: `class`, `(class, args)` or `((module, name), args)`. */
function classNameOf(description: Value): string {
  let named = description;
  if (description instanceof Tuple) {
    const [first, args] = description.items;
    if (description.length !== 2 || !(args === null || args instanceof Tuple)) throw malformedClass();
    named = first;
  }
  const [module, name] = named instanceof Global
    ? [named.module, named.name]
    : named instanceof Tuple && named.length === 2
    ? named.items
    : [];
  // Python finds no class in a class here.
  if (typeof module !== "string" || typeof name !== "string" || name.includes(".")) throw malformedClass();
  return `${module}.${name}`;
}

function malformedClass(): Unresolvable {
  return new Unresolvable("a class description of no known form");
}
