/**
 * Work on trees, written once for those who wait and those who can't.
 *
 * A piece of work is a plain function. Where it needs a node that is a ghost it has it loaded; if that takes waiting it
 * is given up, by throwing {@linkcode Pending}, and done again from its beginning when the node is there. So it must
 * have all nodes that it needs before it changes the first one. In memory nothing is ever given up, and no promise made.
 *
 * @module
 */

import { type Awaitable, isPromise } from "../../values/mod.ts";
import { CONTROL, GHOST } from "../control.ts";
import { GhostError } from "../errors.ts";
import type { PersistentBase } from "../persistent.ts";
import { respite } from "../respite.ts";

/** Thrown where work can't go on before an object is loaded. */
export class Pending {
  /** @param loading Fulfilled when the object is there. */
  constructor(readonly object: PersistentBase, readonly loading: Promise<unknown>) {}
}

/** Has an object loaded. @throws {Pending} when that takes waiting, or it is time for a pause. */
export function need(object: PersistentBase): void {
  if (object[CONTROL].state !== GHOST) return object._p_touch();
  const loading = object._p_activate() ?? (object._p_jar?.isSync ? undefined : respite());
  if (isPromise(loading)) throw new Pending(object, loading);
}

/** Does a piece of work, as often as it takes. */
export function whenLoaded<T>(work: () => T): Awaitable<T> {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Pending)) throw error;
    return error.loading.then(() => whenLoaded(work));
  }
}

/** Does a piece of work now. @throws {GhostError} when that would take waiting. */
export function atOnce<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Pending)) throw error;
    // It was only time for a pause, which nobody can take here.
    if (error.object[CONTROL].state !== GHOST) return atOnce(work);
    error.loading.catch(() => {});
    throw new GhostError(error.object.constructor.name, error.object[CONTROL].oid!);
  }
}

/** Begins to load objects that will be needed soon. */
export function loadAhead(objects: Iterable<PersistentBase>): void {
  for (const object of objects) {
    if (object[CONTROL].state !== GHOST) continue;
    const loading = object._p_activate();
    // Whoever needs it hears of the failure then.
    if (isPromise(loading)) loading.catch(() => {});
  }
}
