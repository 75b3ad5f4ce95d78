/** A storage that answers loads later, all of one turn together: what each round trip asks for can be seen. */

import { type Loaded, MappingStorage } from "../../../storage/mod.ts";
import type { Awaitable, Oid, Tid } from "../../../values/mod.ts";

/** See the module. */
export class SlowStorage extends MappingStorage {
  /** How many objects each round trip was for. */
  readonly rounds: number[] = [];
  #turn: Promise<void> | undefined;

  override loadBefore(oid: Oid, before: Tid): Loaded | null {
    return this.#later(oid, before) as Awaitable<Loaded | null> as Loaded | null;
  }

  async #later(oid: Oid, before: Tid): Promise<Loaded | null> {
    if (!this.#turn) {
      this.rounds.push(0);
      this.#turn = new Promise((resolve) => setTimeout(resolve, 0));
      this.#turn.then(() => this.#turn = undefined);
    }
    this.rounds[this.rounds.length - 1]++;
    await this.#turn;
    return super.loadBefore(oid, before);
  }
}
