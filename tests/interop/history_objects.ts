/**
 * The classes of the histories of `object_history.ts`, and what their objects have.
 *
 * @module
 */

import {
  Blob,
  BTree,
  IOBTree,
  Length,
  OOBTree,
  Persistent,
  type PersistentBase,
  PersistentList,
  PersistentMap,
  registerClass,
  Tuple,
  WeakReference,
} from "../../zodb/mod.ts";
import type { Kind } from "./object_history.ts";

/** An object with attributes. */
export class Thing extends Persistent {
  [name: string]: unknown;
}
registerClass("tests.histories.Thing", Thing);

/** Part of the records that it is in. */
export class Point {
  constructor(public x: unknown) {}
}
registerClass("tests.histories.Point", Point);

/** New objects. */
export const makers: Record<Kind, () => PersistentBase> = {
  thing: () => new Thing(),
  map: () => new PersistentMap(),
  list: () => new PersistentList(),
  iotree: () => new IOBTree(),
  ootree: () => new OOBTree(),
  length: () => new Length(),
  blob: () => new Blob(),
};

const pythonNames = new Map<unknown, string>([
  [Thing, "Thing"],
  [PersistentMap, "PersistentMapping"],
  [PersistentList, "PersistentList"],
  [IOBTree, "IOBTree"],
  [OOBTree, "OOBTree"],
  [Length, "Length"],
  [Blob, "Blob"],
]);

const isPersistent = (value: unknown): value is PersistentBase =>
  typeof value === "object" && value !== null && "_p_oid" in value;

/** What an object has, in the words of Python's side. @param held What its connection's users hold. */
export async function told(
  held: ReadonlyMap<number, PersistentBase>,
  found: PersistentBase,
): Promise<unknown> {
  const tell = (value: unknown): unknown => {
    if (value === undefined) return null;
    if (typeof value !== "object" || value === null) return value;
    if (isPersistent(value)) {
      if (value._p_oid === undefined) {
        return ["new", ...[...held].flatMap(([h, mine]) => mine === value ? [h] : [])];
      }
      const { databaseName } = value._p_jar!.db;
      return ["@", databaseName, Number(value._p_oid), pythonNames.get(value.constructor)];
    }
    if (value instanceof WeakReference) return ["weak", value.oid === undefined ? null : Number(value.oid)];
    if (value instanceof Tuple) return ["tuple", ...[...value].map(tell)];
    if (Array.isArray(value)) return ["list", ...value.map(tell)];
    if (value instanceof Map) return ["dict", ...[...value].map(([key, item]) => [tell(key), tell(item)])];
    if (value instanceof Set) return ["set", ...[...value].map(tell).sort()];
    return ["point", tell((value as Point).x)];
  };
  if (found instanceof Length) return found.value;
  if (found instanceof Blob) return await found.text();
  if (found instanceof BTree) {
    await found.check();
    const items = await (found as OOBTree<unknown, unknown>).items().toArray();
    return items.map(([key, item]) => [tell(key), tell(item)]);
  }
  return tell(new Map(Object.entries(found).filter(([name]) => !name.startsWith("_v_"))));
}
