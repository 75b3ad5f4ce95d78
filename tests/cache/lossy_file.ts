/**
 * A cache file in memory that can lose power: what was written since the last sync may then be there or not, sector
 * by sector, as it was after any of the writes.
 *
 * @module
 */

import type { CacheFile } from "../../cache/cache_file.ts";

const SECTOR = 512;

/** The power went. */
export class PowerLost extends Error {}

interface Change {
  readonly sector: number;
  readonly bytes: Uint8Array;
}

/** A file in memory. */
export class LossyFile implements CacheFile {
  #bytes: Uint8Array;
  #length: number;
  #durable: Uint8Array;
  #changes: Change[] = [];
  #lengths: number[];
  /** How many more writes there are before the power goes. */
  writesLeft = Infinity;

  constructor(image: Uint8Array = new Uint8Array()) {
    this.#bytes = image.slice();
    this.#length = image.length;
    this.#durable = image.slice();
    this.#lengths = [];
  }

  size(): number {
    return this.#length;
  }

  read(buffer: Uint8Array, length: number, position: number): number {
    const found = this.#bytes.subarray(position, Math.min(position + length, this.#length));
    buffer.set(found);
    return found.length;
  }

  write(bytes: Uint8Array, start: number, end: number, position: number): void {
    this.#work();
    this.#grow(position + end - start);
    this.#bytes.set(bytes.subarray(start, end), position);
    this.#note(position, position + end - start);
  }

  truncate(size: number): void {
    this.#work();
    if (size < this.#length) {
      this.#bytes.fill(0, size);
      this.#note(size, this.#length);
      this.#length = size;
      this.#lengths.push(size);
    } else {
      this.#grow(size);
    }
  }

  async sync(): Promise<void> {
    const durable = this.image(), changes = this.#changes.length, lengths = this.#lengths.length;
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.#durable = durable;
    this.#changes = this.#changes.slice(changes);
    this.#lengths = this.#lengths.slice(lengths);
  }

  syncNow(): void {
    this.#work();
    this.#durable = this.image();
    this.#changes = [];
    this.#lengths = [];
  }

  close(): void {}

  /** What is in the file now. */
  image(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** What could be in the file after a power failure now. */
  imageAfterLoss(random: () => number): Uint8Array {
    const lengths = [this.#durable.length, ...this.#lengths, this.#length];
    const image = new Uint8Array(this.#bytes.length + SECTOR);
    image.set(this.#durable);
    const bySector = Map.groupBy(this.#changes, ({ sector }) => sector);
    for (const [sector, versions] of bySector) {
      const kept = Math.floor(random() * (versions.length + 1));
      // The first and the last version are likelier than those between.
      const choice = random() < 0.3 ? versions.length : kept;
      if (choice > 0) image.set(versions[choice - 1].bytes, sector * SECTOR);
    }
    return image.slice(0, lengths[Math.floor(random() * lengths.length)]);
  }

  #work(): void {
    if (this.writesLeft-- <= 0) throw new PowerLost();
  }

  #grow(length: number): void {
    if (length <= this.#length) return;
    if (length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    this.#length = length;
    this.#lengths.push(length);
  }

  #note(start: number, end: number): void {
    for (let sector = Math.floor(start / SECTOR); sector * SECTOR < end; sector++) {
      this.#changes.push({ sector, bytes: this.#bytes.slice(sector * SECTOR, (sector + 1) * SECTOR) });
    }
  }
}
