/**
 * What the object layer knows about one persistent object: who it is, where it lives, and in which state it is.
 *
 *   ghost     known by its id, state not loaded          saved     as the database has it (or in none)
 *   changed   to be stored at the next commit            sticky    saved, and not to become a ghost meanwhile
 *
 *   ghost → saved      activate                 saved → ghost      deactivate (the cache does)
 *   saved → changed    change                   any → ghost        invalidate; changes are lost
 *
 * All faults go through {@linkcode Control.touch}: the one place where an access to a ghost loads it or throws.
 *
 * @module
 */

import { type Awaitable, NO_TID, type Oid, StorageError, type Tid } from "../values/mod.ts";
import type { Global, Value } from "../pickle/mod.ts";
import type { Connection } from "./connection.ts";
import type { PersistentBase } from "./persistent.ts";
import { Views } from "./tracking/views.ts";

/** The state's number is Python's `_p_state`. */
export const GHOST = -1, SAVED = 0, CHANGED = 1, STICKY = 2;

/** -1 ghost, 0 saved, 1 changed, 2 sticky. */
export type State = -1 | 0 | 1 | 2;

/** What an object needs of the connection that it belongs to. */
export interface Jar {
  /** The connection itself, for users. */
  readonly connection: Connection;
  /** Fills a ghost. */
  activate(control: Control): Awaitable<void>;
  /** Fills a ghost before it returns. @throws {GhostError} when that takes waiting. */
  fault(control: Control): void;
  /** Hears of an object's first change in the transaction, before it happens. It may refuse by throwing. */
  register(control: Control): void;
  /** Hears of every use of a loaded object. */
  used(control: Control): void;
  /** Hears that it has become a ghost. */
  emptied(control: Control): void;
  /** Whether a new object's state is nowhere but in the object. */
  isUnwritten(control: Control): boolean;
}

/** See the module. */
export class Control {
  state: State = SAVED;
  oid: Oid | undefined;
  jar: Jar | undefined;
  serial: Tid = NO_TID;
  /** Bytes of its record; 0 when not known. */
  size = 0;
  /**
   * The class part of its record, where it says more than the object's class: arguments of `__new__`, or a class that
   * is not registered.
   */
  description: Value | undefined;
  /** The name of its class in Python, where the class is not registered. */
  pythonClass: Global | undefined;
  /** The load under way. */
  loading: Promise<void> | undefined;
  /** Neighbours in the cache's ring, by the time of their last use. */
  older: Control | undefined;
  newer: Control | undefined;
  #views: Views | undefined;

  /** @param object The object as its users see it. */
  constructor(public object: PersistentBase) {}

  /** Has to be called before the state is read. */
  touch(): void {
    if (this.state !== GHOST) {
      this.jar?.used(this);
    } else if (this.jar) {
      this.jar.fault(this);
    } else {
      const { name } = this.object.constructor;
      throw new StorageError(`a ${name} has lost its state with the transaction that made it`);
    }
  }

  /** Has to be called before the state is changed. */
  change(): void {
    this.touch();
    if (this.state === CHANGED || this.jar === undefined) return;
    this.jar.register(this);
    this.state = CHANGED;
  }

  /** Takes the state of a revision. */
  fill(state: unknown, serial: Tid, size: number): void {
    const { jar } = this;
    // A class's own `__setstate__` may use what tells of changes: none of it is one.
    this.jar = undefined;
    this.state = SAVED;
    try {
      this.object.__setstate__(state);
      this.serial = serial;
      this.size = size;
    } catch (error) {
      this.object.__clearstate__();
      this.state = GHOST;
      throw error;
    } finally {
      this.jar = jar;
    }
  }

  /** Makes it a ghost, if it is unchanged and there is a state to be loaded again. */
  deactivate(): void {
    if (this.state !== SAVED || this.serial === NO_TID && this.jar?.isUnwritten(this)) return;
    this.empty();
  }

  /** Makes it a ghost, whatever it was; without a jar it stays as it is. */
  empty(): void {
    const { jar } = this;
    if (jar === undefined || this.state === GHOST) return;
    // As in `fill`: what a class's own `__clearstate__` does is no change.
    this.jar = undefined;
    try {
      this.object.__clearstate__();
    } finally {
      this.jar = jar;
    }
    this.#views?.release();
    this.#views = undefined;
    this.state = GHOST;
    jar.emptied(this);
  }

  /** What users see of a value in its state; views of the mutable ones tell it of changes. */
  view(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    return (this.#views ??= new Views(this)).of(value);
  }
}

const controls = Symbol("control");

/** Where an object keeps its control. */
export const CONTROL: typeof controls = controls;
