/**
 * Object ids for a storage whose base may go on giving out its own: they start at random places, so that both hardly
 * ever have the same.
 *
 * @module
 */

import type { Awaitable, Oid } from "../../values/mod.ts";

/** Ids start from 1 up to this. */
const LARGEST_START = 2 ** 62;

/** See the module. */
export class RandomOids {
  readonly #random: () => number;
  readonly #isTaken: (oid: Oid) => Awaitable<boolean>;
  #next: bigint;

  /**
   * @param random A random number from 0 up to 1.
   * @param isTaken Whether an object has the id already.
   */
  constructor(random: () => number, isTaken: (oid: Oid) => Awaitable<boolean>) {
    this.#random = random;
    this.#isTaken = isTaken;
    this.#next = this.#start();
  }

  /** Ids that nobody has had. */
  async take(count: number): Promise<Oid[]> {
    const taken: Oid[] = [];
    while (taken.length < count) {
      const oid = this.#next++ as Oid;
      if (await this.#isTaken(oid)) this.#next = this.#start();
      else taken.push(oid);
    }
    return taken;
  }

  #start(): bigint {
    // Two draws: one has 53 bits at most, and the lower ones of an id would always be zero.
    const high = Math.floor(this.#random() * 2 ** 31), low = Math.floor(this.#random() * 2 ** 31);
    return (BigInt(high) << 31n | BigInt(low)) % BigInt(LARGEST_START) + 1n;
  }
}
