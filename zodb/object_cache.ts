/**
 * The objects of one connection: for each id one object.
 *
 * Loaded objects are kept, in a ring by the time of their last use; ghosts only as long as somebody refers to them. When
 * there are too many loaded ones, those used longest ago become ghosts, unless they are changed or sticky.
 *
 * @module
 */

import type { Oid } from "../values/mod.ts";
import { type Control, GHOST } from "./control.ts";
import type { PersistentBase } from "./persistent.ts";
import { weaklyHeld } from "./respite.ts";

/** Dead weak references are looked for when there are so many more than at the last look. */
const SWEEP = 10_000;

/** Objects and bytes that a cache holds loaded. */
export interface CacheLimits {
  /** Loaded objects. */
  objects: number;
  /** Bytes of their records, estimated; 0 for any number. */
  bytes: number;
}

/** What a connection's cache holds. */
export interface CacheInfo {
  /** Loaded objects. */
  readonly loaded: number;
  /** Ghosts, at most. */
  readonly ghosts: number;
  /** Bytes of the loaded objects' records. */
  readonly bytes: number;
  /** How much it may hold. */
  readonly limits: CacheLimits;
}

/** See the module. */
export class ObjectCache {
  readonly limits: CacheLimits;
  readonly #ghosts = new Map<Oid, WeakRef<PersistentBase>>();
  readonly #loaded = new Map<Oid, Control>();
  /** The ring: `newest.older` … to `oldest`. */
  #newest: Control | undefined;
  #oldest: Control | undefined;
  #bytes = 0;
  #sweepAt = SWEEP;

  constructor(limits: CacheLimits) {
    this.limits = { ...limits };
  }

  /** Loaded objects. */
  get loadedCount(): number {
    return this.#loaded.size;
  }

  /** Ghosts that somebody refers to, and some that have gone since. */
  get ghostCount(): number {
    return this.#ghosts.size;
  }

  /** Bytes of the loaded objects' records. */
  get bytes(): number {
    return this.#bytes;
  }

  get(oid: Oid): PersistentBase | undefined {
    return this.#loaded.get(oid)?.object ?? this.#ghosts.get(oid)?.deref();
  }

  /** All objects, ghosts too. */
  *objects(): Generator<PersistentBase> {
    for (const { object } of [...this.#loaded.values()]) yield object;
    for (const ghost of [...this.#ghosts.values()]) {
      const object = ghost.deref();
      if (object) yield object;
    }
  }

  /** The loaded objects, the one used longest ago first. */
  *loaded(): Generator<Control> {
    for (let at = this.#oldest; at; at = at.newer) yield at;
  }

  /** Takes in an object that has its id, ghost or not. */
  add(control: Control): void {
    if (control.state === GHOST) this.#addGhost(control);
    else this.#addLoaded(control);
  }

  /** Hears that a ghost was filled, before anybody uses it. */
  filled(control: Control): void {
    this.#ghosts.delete(control.oid!);
    this.#addLoaded(control);
  }

  /** Hears that a loaded object has become a ghost. */
  emptied(control: Control): void {
    if (!this.#loaded.delete(control.oid!)) return;
    this.#unlink(control);
    this.#bytes -= control.size;
    this.#addGhost(control);
  }

  /** Gives an object up. */
  remove(control: Control): void {
    if (this.#loaded.delete(control.oid!)) {
      this.#unlink(control);
      this.#bytes -= control.size;
    }
    this.#ghosts.delete(control.oid!);
  }

  /** Hears that a loaded object's record has another size now. */
  resized(control: Control, size: number): void {
    if (this.#loaded.has(control.oid!)) this.#bytes += size - control.size;
    control.size = size;
  }

  /** Hears of a use. */
  used(control: Control): void {
    if (this.#newest === control || !this.#isLinked(control)) return;
    this.#unlink(control);
    this.#link(control);
  }

  /** Makes those used longest ago ghosts until the limits are kept. */
  collect(limits: CacheLimits = this.limits): void {
    let at = this.#oldest;
    while (at && (this.#loaded.size > limits.objects || limits.bytes > 0 && this.#bytes > limits.bytes)) {
      const { newer } = at;
      at.deactivate();
      at = newer;
    }
  }

  /** Makes all unchanged objects ghosts. */
  minimize(): void {
    this.collect({ objects: 0, bytes: 0 });
  }

  #addGhost(control: Control): void {
    this.#ghosts.set(control.oid!, new WeakRef(control.object));
    weaklyHeld();
    if (this.#ghosts.size < this.#sweepAt) return;
    for (const [oid, ghost] of this.#ghosts) if (!ghost.deref()) this.#ghosts.delete(oid);
    this.#sweepAt = 2 * this.#ghosts.size + SWEEP;
  }

  #addLoaded(control: Control): void {
    this.#loaded.set(control.oid!, control);
    this.#bytes += control.size;
    this.#link(control);
  }

  #isLinked(control: Control): boolean {
    return control.newer !== undefined || control.older !== undefined || this.#newest === control;
  }

  #link(control: Control): void {
    control.older = this.#newest;
    if (this.#newest) this.#newest.newer = control;
    this.#newest = control;
    this.#oldest ??= control;
  }

  #unlink(control: Control): void {
    const { older, newer } = control;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    control.older = control.newer = undefined;
  }
}
