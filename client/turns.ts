/**
 * Whose turn it is: a server takes one transaction at a time from each connection.
 *
 * Whoever begins while nobody has the turn gets it, and may send what it has at once. It can lose it to one that votes
 * first, and then sends everything again when its own turn comes; nobody can lose it between its vote and its end.
 * Those who vote get the turn in their order.
 *
 * @module
 */

/** Somebody who takes turns. */
export interface Player {
  /** Whether it votes, or has voted. */
  readonly voting: boolean;
  /** Takes the turn away: whatever was sent is given up. */
  suspend(): void;
}

/** See the module. */
export class Turns {
  #holder?: Player;
  readonly #waiting: { readonly player: Player; readonly go: PromiseWithResolvers<void> }[] = [];
  #closed?: Error;

  /** Whether it is somebody's turn. */
  holds(player: Player): boolean {
    return this.#holder === player;
  }

  /** Gives the turn to somebody if nobody has it. @returns Whether it is this one's turn now. */
  tryTake(player: Player): boolean {
    if (!this.#holder && this.#waiting.length === 0) this.#holder = player;
    return this.#holder === player;
  }

  /** Gives the turn to somebody who votes, who may have to wait for it. @throws why nobody gets it any more. */
  take(player: Player): Promise<void> | undefined {
    if (this.#closed) throw this.#closed;
    if (this.tryTake(player)) return;
    if (this.#waiting.length === 0 && !this.#holder!.voting) {
      this.#holder!.suspend();
      this.#holder = player;
      return;
    }
    const go = Promise.withResolvers<void>();
    this.#waiting.push({ player, go });
    return go.promise;
  }

  /** Gives the turn up, or the wait for it. */
  release(player: Player): void {
    const at = this.#waiting.findIndex((waiting) => waiting.player === player);
    if (at >= 0) this.#waiting.splice(at, 1)[0].go.resolve();
    if (this.#holder !== player) return;
    const next = this.#waiting.shift();
    this.#holder = next?.player;
    next?.go.resolve();
  }

  /** Nobody gets the turn any more: whoever has it may never give it up. */
  close(reason: Error): void {
    this.#closed = reason;
    for (const { go } of this.#waiting.splice(0)) go.reject(reason);
  }
}
