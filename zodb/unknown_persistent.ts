/**
 * Objects of classes that are not registered.
 *
 * @module
 */

import { CONTROL } from "./control.ts";
import { Persistent } from "./persistent.ts";
import { isAttributeState } from "./serialization/attribute_state.ts";
import { rawAttributes } from "./tracking/attributes.ts";

/** States that are no dict of attributes. */
const states = new WeakMap<object, unknown>();

/**
 * A persistent object of a class that isn't known here. Its attributes can be read and changed like any other's; where
 * its state is something else, `_p_unknownState` has it. It is written back with its own class.
 */
export class UnknownPersistent extends Persistent {
  /** The name of its class in Python; undefined when even its record doesn't say. */
  get _p_pythonClass(): string | undefined {
    return this[CONTROL].pythonClass?.toString();
  }

  /** The state, where it is no dict of attributes. */
  get _p_unknownState(): unknown {
    this._p_touch();
    return this._p_view(states.get(rawAttributes(this)));
  }

  /** The state to store. */
  override __getstate__(): unknown {
    const raw = rawAttributes(this);
    return states.has(raw) ? states.get(raw) : super.__getstate__();
  }

  /** Takes the state. */
  override __setstate__(state: unknown): void {
    states.delete(rawAttributes(this));
    if (state !== null && isAttributeState(state)) {
      super.__setstate__(state);
    } else {
      states.set(rawAttributes(this), state);
    }
  }

  /** Forgets the state. */
  override __clearstate__(): void {
    states.delete(rawAttributes(this));
    super.__clearstate__();
  }
}
