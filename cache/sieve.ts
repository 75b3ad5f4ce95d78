/**
 * Who has to go when there is no more room: the SIEVE policy.
 *
 * A queue from new to old, and a hand that walks from old to new. What has been used since the hand last came by is
 * let off once; the first that has not been used goes. A hit only sets a flag, and a scan of things that nobody asks for
 * again passes through without pushing out what is in use.
 *
 * Zhang, Yang, Yue, Vigfusson, Rashmi: SIEVE is Simpler than LRU (NSDI 2024).
 *
 * @module
 */

/** Something that can stand in a {@linkcode Sieve}; the sieve owns these fields while it does. */
export interface SieveMember<M> {
  newer: M | undefined;
  older: M | undefined;
  /** Set it when the member is used. */
  used: boolean;
}

/** A queue of members with a hand. */
export class Sieve<M extends SieveMember<M>> {
  #newest: M | undefined;
  #oldest: M | undefined;
  #hand: M | undefined;

  /** Puts a member that is in no sieve at the new end. */
  add(member: M): void {
    member.used = false;
    member.newer = undefined;
    member.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = member;
    else this.#newest.newer = member;
    this.#newest = member;
  }

  /** Takes a member out. */
  remove(member: M): void {
    if (this.#hand === member) this.#hand = member.newer;
    if (member.newer === undefined) this.#newest = member.older;
    else member.newer.older = member.older;
    if (member.older === undefined) this.#oldest = member.newer;
    else member.older.newer = member.newer;
    member.newer = member.older = undefined;
  }

  /** Takes out the member that has to go; `undefined` when there is none. */
  evict(): M | undefined {
    let member = this.#hand ?? this.#oldest;
    while (member?.used) {
      member.used = false;
      member = member.newer ?? this.#oldest;
    }
    if (member === undefined) return undefined;
    this.#hand = member.newer;
    this.remove(member);
    return member;
  }

  /** Lets go of all members. */
  clear(): void {
    this.#newest = this.#oldest = this.#hand = undefined;
  }
}
