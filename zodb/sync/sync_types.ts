/**
 * What objects look like to the type checker in a synchronous connection.
 *
 * @module
 */

import type { PersistentBase } from "../persistent.ts";
import type { WeakReference } from "../types/weak_reference.ts";

/**
 * An object in a synchronous connection: the same, but what its methods would otherwise return as `Awaitable` is the
 * value itself, as in `map.get(key).balance`. So it is for all objects that are reached through it.
 *
 * Methods that are `async` by themselves stay what they are.
 *
 * @example
 * ```ts ignore
 * class Bank extends Persistent {
 *   declare accounts: PersistentMap<string, Account>;
 * }
 * using connection = openSync<{ bank: Bank }>(8100);
 * connection.root.bank.accounts.get("ann")!.balance += 10;
 * ```
 */
export type Sync<T> = 0 extends 1 & T ? T
  : T extends PersistentBase | WeakReference | BothIterable ? SyncObject<T>
  : T extends Map<infer K, infer V> ? Map<K, Sync<V>>
  : T extends IterableIterator<infer U> ? IterableIterator<Sync<U>>
  : T extends readonly unknown[] ? { [K in keyof T]: Sync<T[K]> }
  : T;

/** What can be gone through with and without waiting: ranges of BTrees. */
export type BothIterable = Iterable<unknown> & AsyncIterable<unknown>;

/** See {@linkcode Sync}. It can still be used wherever the object itself can. */
export type SyncObject<T> =
  & { [K in keyof T]: K extends `_p_${string}` | `__${string}` ? T[K] : SyncMember<T[K]> }
  & T;

/** A member of an object in a synchronous connection; see {@linkcode Sync}. */
export type SyncMember<M> = M extends (...args: infer A) => infer R ? (...args: A) => SyncAnswer<R> : Sync<M>;

/** What a method returns in a synchronous connection; see {@linkcode Sync}. */
export type SyncAnswer<R> = [Exclude<R, Promise<unknown>>] extends [never] ? R
  : Sync<Exclude<R, Promise<unknown>>>;

/**
 * The same object, for the type checker: as it is in a synchronous connection. For new objects, which are put into others.
 *
 * @example
 * ```ts ignore
 * connection.root.accounts = asSync(new PersistentMap<string, Account>());
 * ```
 */
export function asSync<T>(object: T): Sync<T> {
  return object as Sync<T>;
}
