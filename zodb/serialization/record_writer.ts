/**
 * Writing records, one after the other, with the same buffers.
 *
 * @module
 */

import { PickleWriter, type Value, type Writable } from "../../pickle/mod.ts";
import type { ClassRegistry } from "../classes.ts";
import type { PersistentBase } from "../persistent.ts";
import type { WeakReference } from "../types/weak_reference.ts";
import { PersistentIds } from "./persistent_id.ts";
import { StateWriter } from "./state_writer.ts";

/** How objects that are referred to are written. */
export interface RecordWriterOptions {
  readonly classes: ClassRegistry;
  /** The persistent id of an object. */
  readonly reference: (object: PersistentBase, ids: PersistentIds) => Value;
  /** The persistent id of a weak reference. */
  readonly weakReference: (reference: WeakReference, ids: PersistentIds) => Value;
}

/** A buffer that has grown beyond this is not kept. */
const MOST_BYTES = 1 << 20;

/** See the module. */
export class RecordWriter {
  readonly #ids = new PersistentIds();
  #pickles = new PickleWriter();
  readonly #states: StateWriter;

  constructor({ classes, reference, weakReference }: RecordWriterOptions) {
    this.#states = new StateWriter({
      classes,
      reference: (object) => reference(object, this.#ids),
      weakReference: (weak) => weakReference(weak, this.#ids),
    });
  }

  /** The record of a class description and a state, as bytes of their own. */
  write(description: Value, state: unknown): Uint8Array {
    // Also after an error in the last one.
    this.#ids.clear();
    this.#states.clear();
    this.#pickles.clear();
    const written = this.#states.write(state) as Writable;
    const record = this.#pickles.write(description as Writable).write(written).bytes();
    if (record.length > MOST_BYTES) this.#pickles = new PickleWriter();
    return record;
  }
}
