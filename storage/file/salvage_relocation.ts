/**
 * Where records of one file lie in a copy of it that lacks some.
 *
 * As long as nothing is left out everything moves by the same distance, so what is kept is a list of stretches, and
 * not a place for each record.
 *
 * @module
 */

interface Stretch {
  readonly start: number;
  end: number;
  readonly distance: number;
}

/** See the module. Stretches are added in the order of the file. */
export class Relocation {
  readonly #stretches: Stretch[] = [];

  /** Says that the bytes from `start` to `end` are at `target` in the copy. */
  add(start: number, end: number, target: number): void {
    const last = this.#stretches.at(-1), distance = target - start;
    if (last !== undefined && last.end === start && last.distance === distance) last.end = end;
    else this.#stretches.push({ start, end, distance });
  }

  /** Where a place of the file is in the copy; undefined for one that was left out. */
  find(position: number): number | undefined {
    let low = 0, high = this.#stretches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#stretches[middle].end <= position) low = middle + 1;
      else high = middle;
    }
    const stretch = this.#stretches[low];
    return stretch !== undefined && stretch.start <= position ? position + stretch.distance : undefined;
  }
}
