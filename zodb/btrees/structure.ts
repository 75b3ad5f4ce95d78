/**
 * What leaves and inner nodes have in common, seen from the objects that they are the content of.
 *
 * @module
 */

import { PickleError } from "../../pickle/mod.ts";
import type { PersistentBase } from "../persistent.ts";
import type { Definition } from "./family.ts";
import type { Leaf } from "./leaf.ts";
import { need } from "./pending.ts";

const structures = Symbol("structure");

/** Where a persistent object of a tree keeps its content. */
export const STRUCTURE: typeof structures = structures;

/** A persistent object that is a node: what is stored, and what users see of a root. */
export interface Shell extends PersistentBase {
  /** Its content. */
  readonly [STRUCTURE]: Structure;
}

/** A place in a leaf. */
export interface Place {
  readonly leaf: Leaf;
  readonly index: number;
}

/** Where to look for keys. */
export interface Bound {
  /** The key, as the tree holds it. */
  readonly key: unknown;
  /** Whether the key itself is not meant. */
  readonly exclusive: boolean;
}

/** What is next to what was found. */
export interface Found extends Place {
  /** Some nodes that come after it, nearest first. @param end Where to stop. */
  ahead(end?: Bound): Iterable<Shell>;
}

/** The content of a node, and of all below it. Methods that go through nodes throw `Pending` for want of one. */
export interface Structure {
  readonly shell: Shell;
  readonly definition: Definition;
  /** The place of a key; undefined when it isn't there. */
  find(key: unknown): Place | undefined;
  /** The first key from a bound on, or in reverse the last one down from it; undefined when there is none. */
  seek(bound: Bound | undefined, reverse: boolean): Found | undefined;
  /** Puts a key in. @returns Whether it is new; the value of one that is there is only replaced when told so. */
  put(key: unknown, value: unknown, replace: boolean): boolean;
  /** Takes a key out. @returns Whether it was there. */
  remove(key: unknown): boolean;
  /** Takes all keys out. */
  removeAll(): void;
  readonly isEmpty: boolean;
  state(): unknown;
  /** @throws {PickleError} when it is no state of such a node. */
  setState(state: unknown): void;
  /** Forgets all. */
  forget(): void;
}

/** The content of a node, loaded. @throws {Pending} */
export function opened(shell: Shell): Structure {
  need(shell);
  return shell[STRUCTURE];
}

/** A node that a state refers to. @throws {PickleError} when it is something else. */
export function shellOf(value: unknown, owner: Shell): Shell {
  if (typeof value === "object" && value !== null && STRUCTURE in value) return value as Shell;
  throw new PickleError(`${owner.constructor.name}: its state refers to something that is no node of a tree`);
}

/** The place of a key among sorted ones; where it isn't there, the complement of where it would be. */
export function search(keys: readonly unknown[], key: unknown, definition: Definition): number {
  const { compare } = definition.family.key;
  let low = 0, high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1, order = compare(keys[middle], key);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return ~low;
}
