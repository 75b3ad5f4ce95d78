/** What `python/trees.py` and the tests of trees tell each other, and our side of it. */

import { Float, type SortedContainer, SortedMap, type SortedSet, Tuple, tuple } from "../../zodb/mod.ts";
import * as zodb from "../../zodb/mod.ts";
import type { Json } from "./peers.ts";

/** All families, as Python's modules are called. */
export const FAMILIES: readonly string[] = "OO OI OU OL OQ IO II IF IU UO UI UU UF LO LL LF LQ QO QL QQ QF fs"
  .split(" ");

/** A map or set of any family. */
export type Tree = SortedMap<unknown, unknown> | SortedSet<unknown>;

/** The class of a family, by its name. */
export function treeClass(name: string): new (content?: Iterable<unknown>) => Tree {
  return (zodb as unknown as Record<string, new (content?: Iterable<unknown>) => Tree>)[name];
}

// Trees with small nodes, which get deep soon.
for (const family of ["OO", "IO", "II", "fs"]) {
  for (const kind of ["BTree", "TreeSet"]) {
    const name = `Small${family}${kind}`;
    const made = class extends (treeClass(family + kind) as new () => zodb.SortedContainer<unknown>) {
      static readonly maxLeafSize = 4;
      static readonly maxInternalSize = 4;
    };
    zodb.registerClass(`small_trees.${name}`, made);
  }
}

/** A value as JSON. */
export function encode(value: unknown): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "bigint") return { i: String(value) };
  if (typeof value === "number") return Number.isInteger(value) ? { i: String(value) } : { f: String(value) };
  if (value instanceof Float) return { f: String(value.value) };
  if (value instanceof Uint8Array) return { b: value.toHex() };
  return { [value instanceof Tuple ? "t" : "l"]: (value as unknown[]).map(encode) };
}

/** What both sides have to agree on: not whether a whole number is an int, which JavaScript doesn't know. */
export function normal(value: Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(normal);
  const [[kind, content]] = Object.entries(value as Record<string, Json>);
  if (kind === "f") return encode(Number(content));
  return { [kind]: Array.isArray(content) ? content.map(normal) : content };
}

/** A value from JSON. */
export function decode(value: Json): unknown {
  if (typeof value !== "object" || value === null) return value;
  const [[kind, content]] = Object.entries(value);
  if (kind === "i") {
    const number = Number(content);
    return Number.isSafeInteger(number) ? number : BigInt(content as string);
  }
  if (kind === "f") return decimal(Number(content));
  if (kind === "b") return Uint8Array.fromHex(content as string);
  const items = (content as Json[]).map(decode);
  return kind === "t" ? tuple(...items) : items;
}

function whole(value: number): number | bigint {
  return Number.isInteger(value) ? BigInt(value) : value;
}

function decimal(value: number): number | Float {
  return Number.isInteger(value) ? new Float(value) : value;
}

/** One step on a tree: a method, and its arguments. */
export type Operation = readonly [name: string, ...args: Json[]];

/** Does a step, as `step` in `python/trees.py`. */
export async function step(tree: Tree, [name, ...json]: Operation): Promise<Json> {
  const args = json.map(decode), [first] = args;
  // A whole number in the place of a float becomes a float; a bigint is an int anywhere.
  if (["set", "insert", "setdefault"].includes(name) && typeof args[1] === "number") args[1] = whole(args[1]);
  const map = tree instanceof SortedMap ? tree : undefined, set = tree as SortedSet<unknown>;
  switch (name) {
    case "set":
      if (!map) return await set.add(first);
      await map.set(first, args[1]);
      return null;
    case "insert":
      return map ? await map.insert(first, args[1]) : await set.add(first);
    case "setdefault":
      return encode(await map!.setdefault(first, args[1]));
    case "delete":
      return await tree.delete(first);
    case "pop":
      return encode(await map!.pop(first) ?? args[1]);
    case "popItem": {
      const item = map ? await map.popItem() : await set.pop();
      return encode(map && item ? tuple(...item as unknown[]) : item);
    }
    case "get":
      return encode(await map!.get(first));
    case "has":
      return await tree.has(first);
    case "minKey":
      // To Python, None is no bound.
      return encode(await tree.minKey(first ?? undefined));
    case "maxKey":
      return encode(await tree.maxKey(first ?? undefined));
    case "keys": {
      const [min, max, excludeMin, excludeMax] = args as [unknown, unknown, boolean, boolean];
      const bounds = [min ?? undefined, max ?? undefined] as const;
      const keys = await tree.keys(...bounds, { excludeMin, excludeMax }).toArray();
      const reversed = await tree.keys(...bounds, { excludeMin, excludeMax, reverse: true }).toArray();
      if (JSON.stringify(encode(reversed.reverse())) !== JSON.stringify(encode(keys))) {
        throw new Error("not the same keys backwards");
      }
      return encode(keys);
    }
    case "items":
      return encode(await contentOf(tree));
    case "size":
      return await tree.size();
    case "clear":
      await tree.clear();
      return null;
  }
  throw new Error(name);
}

/** All keys, or items as tuples. */
export async function contentOf(tree: SortedContainer<unknown>): Promise<unknown[]> {
  if (!(tree instanceof SortedMap)) return await tree.keys().toArray();
  const items: [unknown, unknown][] = await tree.items().toArray();
  return items.map((item) => tuple(...item));
}
