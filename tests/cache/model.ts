/**
 * What a record cache must answer: the rules of `RecordCache`, over a plain list that never has to drop anything.
 *
 * @module
 */

import type { CachedRevision } from "../../cache/mod.ts";
import type { Oid, Tid } from "../../values/mod.ts";

interface Held {
  readonly oid: Oid;
  readonly serial: Tid;
  end: Tid | null;
  readonly data: Uint8Array;
}

/** A cache without bounds. */
export class CacheModel {
  held: Held[] = [];

  store(oid: Oid, serial: Tid, end: Tid | null, data: Uint8Array): void {
    const mine = this.held.filter((one) => one.oid === oid);
    const same = mine.find((one) => one.serial === serial);
    const current = mine.find((one) => one.end === null);
    if (end === null) {
      if (mine.some((one) => one.serial >= serial || (one.end !== null && one.end > serial))) return;
      this.held = this.held.filter((one) => one !== current);
    } else if (same !== undefined) {
      same.end ??= end;
      return;
    }
    this.held.push({ oid, serial, end, data: data.slice() });
  }

  invalidate(oid: Oid, tid: Tid | null): void {
    const current = this.held.find((one) => one.oid === oid && one.end === null);
    if (tid === null) this.held = this.held.filter((one) => one.oid !== oid);
    else if (current !== undefined && tid > current.serial) current.end = tid;
    else this.held = this.held.filter((one) => one !== current);
  }

  load(oid: Oid): CachedRevision | undefined {
    return this.#answer(this.held.find((one) => one.oid === oid && one.end === null));
  }

  loadBefore(oid: Oid, before: Tid): CachedRevision | undefined {
    const seen = this.held.filter((one) => one.oid === oid && one.serial < before);
    const last = seen.find((one) => one.end === null) ??
      seen.reduce<Held | undefined>((a, b) => a !== undefined && a.serial > b.serial ? a : b, undefined);
    return this.#answer(last?.end !== null && last !== undefined && last.end < before ? undefined : last);
  }

  #answer(held: Held | undefined): CachedRevision | undefined {
    return held && { data: held.data, serial: held.serial, end: held.end };
  }
}
