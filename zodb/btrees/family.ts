/**
 * The families of BTrees: the kinds of keys and values, how large nodes get, and the four classes of each.
 *
 * @module
 */

import { classes, type PersistentClass } from "../classes.ts";
import { byteStrings, type ItemKind, LETTERS } from "./kinds.ts";
import type { Shell } from "./structure.ts";

/** What the trees of one family hold. */
export interface Family extends NodeSizes {
  /** The letters before `BTree`. */
  readonly prefix: string;
  readonly key: ItemKind;
  readonly value: ItemKind;
}

/** How large nodes get. */
export interface NodeSizes {
  /** Keys in a leaf. */
  readonly maxLeafSize: number;
  /** Children of an inner node; a root has nearly twice as many. */
  readonly maxInternalSize: number;
}

/** A class of a family, for nodes to be made of. */
export type ShellClass = new () => Shell;

/** What a class of a family is. */
export interface Definition extends NodeSizes {
  readonly family: Family;
  /** Whether keys have values. */
  readonly mapping: boolean;
  /** The class of its leaves. */
  readonly leaf: ShellClass;
}

/** The four classes. */
export interface FamilyClasses {
  readonly BTree: PersistentClass;
  readonly TreeSet: PersistentClass;
  readonly Bucket: PersistentClass;
  readonly Set: PersistentClass;
}

const definitions = new WeakMap<object, Definition>();

/**
 * What a class is: what it, or the class that it extends, was defined as.
 *
 * @throws {TypeError} when it wasn't; {@linkcode RangeError} when its sizes are none.
 */
export function definitionOf(known: object): Definition {
  const found = definitions.get(known);
  if (found) return found;
  const { name, maxLeafSize, maxInternalSize } = known as { name: string } & Partial<NodeSizes>;
  const parent: object | null = Object.getPrototypeOf(known);
  if (parent === null || parent === Function.prototype) {
    throw new TypeError(`class ${name} belongs to no family of BTrees: extend OOBTree or the like`);
  }
  const inherited = definitionOf(parent);
  const definition = {
    ...inherited,
    maxLeafSize: maxLeafSize ?? inherited.maxLeafSize,
    maxInternalSize: maxInternalSize ?? inherited.maxInternalSize,
  };
  for (const size of [definition.maxLeafSize, definition.maxInternalSize]) {
    if (!(Number.isInteger(size) && size > 1)) {
      throw new RangeError(`class ${name}: nodes of size ${size}, expected 2 or more`);
    }
  }
  definitions.set(known, definition);
  return definition;
}

const leaves = new WeakMap<Family, { readonly bucket: ShellClass; readonly set: ShellClass }>();

/** The class of a family's buckets, or sets. */
export function leafClass(family: Family, mapping: boolean): ShellClass {
  const { bucket, set } = leaves.get(family)!;
  return mapping ? bucket : set;
}

/** Says which classes are a family's, and registers them under all names that Python knows them by. */
export function defineFamily(prefix: string, members: FamilyClasses): void {
  const family = familyOf(prefix), { maxLeafSize, maxInternalSize } = family;
  const bucket = members.Bucket as unknown as ShellClass, set = members.Set as unknown as ShellClass;
  leaves.set(family, { bucket, set });
  for (const [kind, member] of Object.entries(members)) {
    const mapping = kind === "BTree" || kind === "Bucket";
    definitions.set(member, { family, mapping, leaf: mapping ? bucket : set, maxLeafSize, maxInternalSize });
    // The first one is written; the others stand in records of other versions and implementations.
    for (const module of [`BTrees.${prefix}BTree`, `BTrees._${prefix}BTree`]) {
      for (const name of [`${prefix}${kind}`, kind, `${prefix}${kind}Py`]) {
        classes.register(`${module}.${name}`, member);
      }
    }
  }
}

function familyOf(prefix: string): Family {
  if (prefix === "fs") {
    return { prefix, key: byteStrings(2), value: byteStrings(6), maxLeafSize: 500, maxInternalSize: 500 };
  }
  const [keys, values] = prefix;
  return {
    prefix,
    key: LETTERS[keys],
    value: LETTERS[values],
    maxLeafSize: keys === "O" && values === "O" ? 30 : keys === "O" || values === "O" ? 60 : 120,
    maxInternalSize: keys === "O" ? 250 : 500,
  };
}
