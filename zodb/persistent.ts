/**
 * Objects that live in a database.
 *
 * @module
 */

import { type Awaitable, type Oid, type Tid, tidTime } from "../values/mod.ts";
import type { Connection } from "./connection.ts";
import { CHANGED, CONTROL, Control, GHOST, SAVED, type State, STICKY } from "./control.ts";
import { attributeState, setAttributeState } from "./serialization/attribute_state.ts";
import { attributed, rawAttributes } from "./tracking/attributes.ts";
import { rawOf, stored } from "./tracking/raw.ts";

/**
 * What every persistent object has, and how one with a state of its own making is written: BTrees, lengths, blobs.
 * Objects whose state is their attributes extend {@linkcode Persistent} instead.
 *
 * A subclass says what its state is with three methods, and tells of its own accesses:
 *
 * ```ts ignore
 * class Counter extends PersistentBase {
 *   #value = 0;
 *   get value(): number {
 *     this._p_touch(); // throws GhostError (or loads, in a synchronous connection) when it is a ghost
 *     return this.#value;
 *   }
 *   increment(): void {
 *     this._p_change(); // before the change: joins the transaction
 *     this.#value++;
 *   }
 *   override __getstate__(): unknown { return this.#value; }
 *   override __setstate__(state: unknown): void { this.#value = Number(state); }
 *   override __clearstate__(): void { this.#value = 0; }
 * }
 * registerClass("counters.Counter", Counter);
 * ```
 *
 * A ghost of such a class is made by calling its constructor without arguments.
 */
export abstract class PersistentBase {
  readonly #control: Control;

  /** An object that is in no database yet. */
  constructor() {
    this.#control = new Control(this);
  }

  /** @ignore */
  get [CONTROL](): Control {
    return this.#control;
  }

  /**
   * The state to store: null, numbers, strings, arrays, maps, tuples … and other persistent objects, ghosts or not.
   * Called on loaded objects only.
   */
  abstract __getstate__(): unknown;

  /**
   * What Python gives to the class's `__new__` when it loads the object; for classes that have `__getnewargs__` there.
   * Only plain values.
   */
  __getnewargs__?(): readonly unknown[];

  /** Takes a state as the database has it, as raw values: keep them, and show users `_p_view` of them. */
  abstract __setstate__(state: unknown): void;

  /** Forgets the state: the object becomes a ghost. */
  abstract __clearstate__(): void;

  /** The object's id in its database; undefined for a new one. */
  get _p_oid(): Oid | undefined {
    return this[CONTROL].oid;
  }

  /** The connection that it belongs to; undefined for a new one. */
  get _p_jar(): Connection | undefined {
    return this[CONTROL].jar?.connection;
  }

  /** The transaction that wrote the revision that was loaded last; `NO_TID` for a new one. */
  get _p_serial(): Tid {
    return this[CONTROL].serial;
  }

  /** -1 ghost, 0 up to date, 1 changed, 2 sticky. */
  get _p_state(): State {
    return this[CONTROL].state;
  }

  /** The state in a word. */
  get _p_status(): "ghost" | "unsaved" | "saved" | "changed" | "sticky" {
    const { state, jar } = this[CONTROL];
    if (state === GHOST) return "ghost";
    if (state === CHANGED) return "changed";
    if (state === STICKY) return "sticky";
    return jar ? "saved" : "unsaved";
  }

  /** Whether it was changed in this transaction; null for a ghost. */
  get _p_changed(): boolean | null {
    const { state } = this[CONTROL];
    return state === GHOST ? null : state === CHANGED;
  }

  /**
   * true tells that the object is changed, false takes that back without taking the change back, null makes an
   * unchanged object a ghost.
   */
  set _p_changed(changed: boolean | null) {
    const control = this[CONTROL];
    if (changed) control.change();
    else if (changed === null) this._p_deactivate();
    else if (control.state === CHANGED) control.state = SAVED;
  }

  /** Whether the cache must keep it loaded. It has to be loaded to be set. */
  get _p_sticky(): boolean {
    return this[CONTROL].state === STICKY;
  }

  set _p_sticky(sticky: boolean) {
    const control = this[CONTROL];
    if (sticky && control.state === SAVED) control.state = STICKY;
    else if (!sticky && control.state === STICKY) control.state = SAVED;
  }

  /** Bytes of its record, rounded up to a multiple of 64; 0 when not known. */
  get _p_estimated_size(): number {
    return Math.ceil(this[CONTROL].size / 64) * 64;
  }

  /** When the revision was written, in milliseconds since 1970; undefined for a new object. */
  get _p_mtime(): number | undefined {
    const control = this[CONTROL];
    control.touch();
    return control.serial === 0n ? undefined : tidTime(control.serial);
  }

  /**
   * Loads it if it is a ghost.
   * @returns A promise only if that takes waiting; `await` works in any case.
   * @throws {POSKeyError} when it is gone; {@linkcode ReadConflictError} when it was deleted in this view.
   */
  _p_activate(): Awaitable<void> {
    const control = this[CONTROL];
    if (control.state === GHOST && control.jar) return control.jar.activate(control);
    control.touch();
  }

  /** Makes it a ghost if it is unchanged, to free memory. */
  _p_deactivate(): void {
    this[CONTROL].deactivate();
  }

  /** Makes it a ghost; changes to it are lost. */
  _p_invalidate(): void {
    this[CONTROL].empty();
  }

  /** Has to be called before the state is read. @throws {GhostError} when it is a ghost and loading takes waiting. */
  _p_touch(): void {
    this[CONTROL].touch();
  }

  /** Has to be called before the state is changed. @throws {GhostError} as `_p_touch`. */
  _p_change(): void {
    this[CONTROL].change();
  }

  /** What a user sees of a value in the state: numbers for floats, and for arrays and maps views that tell of changes. */
  _p_view<T = unknown>(value: unknown): T {
    return this[CONTROL].view(value) as T;
  }

  /** What to keep in the state for a value of a user's. @param previous What it takes the place of. */
  _p_stored(value: unknown, previous?: unknown): unknown {
    return previous === undefined ? rawOf(value) : stored(value, previous);
  }
}

/**
 * An object whose state is its attributes. Assigning to one, or changing an array, a map, a set or a plain object that
 * is reached through it, joins the transaction and stores the object at the next commit.
 *
 * Attributes whose names begin with `_v_` are not stored, and gone when the object becomes a ghost. The constructor is
 * called for new objects only, not when one is loaded; `#private` fields are therefore not there in loaded ones.
 *
 * @example
 * ```ts
 * import { Persistent, registerClass } from "./mod.ts";
 *
 * class Account extends Persistent {
 *   constructor(public owner: string, public balance = 0, public history: string[] = []) {
 *     super();
 *   }
 *   deposit(amount: number): void {
 *     this.balance += amount;
 *     this.history.push(`+${amount}`);
 *   }
 * }
 * registerClass("bank.models.Account", Account);
 * ```
 */
export class Persistent extends PersistentBase {
  /** An object that is in no database yet. */
  constructor() {
    super();
    const control = this[CONTROL];
    return control.object = attributed(this, control);
  }

  /** The attributes, but for those whose names begin with `_v_`. */
  override __getstate__(): unknown {
    return attributeState(this);
  }

  /** Sets the attributes. */
  override __setstate__(state: unknown): void {
    setAttributeState(this, state);
  }

  /** Removes the attributes. */
  override __clearstate__(): void {
    const attributes = rawAttributes(this);
    for (const name of Object.keys(attributes)) delete attributes[name];
  }
}
