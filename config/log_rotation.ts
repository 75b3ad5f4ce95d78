/**
 * When a log file is rotated, and what the old ones are called.
 *
 *   by size   data.log → data.log.1 → data.log.2 … → data.log.N, then gone
 *   by time   data.log → data.log.2026-01-31 (the period's start), the oldest beyond N removed
 *
 * Names and moments are Python's, so that what already collects the old files goes on finding them. Where Python
 * would overwrite an old file that has the same name, we keep it and go on writing to the current one.
 *
 * @module
 */

import { basename, dirname, join } from "@std/path";
import { formatTime } from "./log_time.ts";

/** Decides about rotation, and renames files. The log file is closed while `roll` runs. */
export interface Rotation {
  /** Told once the file is open. `modified` is when it was last written to, for a file that was there. */
  opened(now: number, modified: number | undefined): void;
  /** Whether the file has to be rotated before `bytes` more are written to it. */
  due(now: number, size: number, bytes: number): boolean;
  /** Renames the file out of the way. */
  roll(path: string, now: number): void;
}

/** Rotation when a file would reach a size. */
export class SizeRotation implements Rotation {
  readonly #maxSize: number;
  readonly #oldFiles: number;

  /** @param maxSize Bytes. */
  constructor(maxSize: number, oldFiles: number) {
    this.#maxSize = maxSize;
    this.#oldFiles = oldFiles;
  }

  opened(): void {}

  due(_now: number, size: number, bytes: number): boolean {
    // An empty file is left alone: rotating it would only push out an old one.
    return size > 0 && size + bytes >= this.#maxSize;
  }

  roll(path: string): void {
    for (let number = this.#oldFiles - 1; number >= 0; number--) {
      renameIfThere(number === 0 ? path : `${path}.${number}`, `${path}.${number + 1}`);
    }
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** A unit of rotation by time: its length, and how old files are named. */
interface Period {
  readonly seconds: number;
  readonly suffix: string;
  readonly pattern: RegExp;
}

const PERIODS: Readonly<Record<string, Period>> = {
  S: { seconds: 1, suffix: "%Y-%m-%d_%H-%M-%S", pattern: /^\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$/ },
  M: { seconds: 60, suffix: "%Y-%m-%d_%H-%M", pattern: /^\d{4}-\d\d-\d\d_\d\d-\d\d$/ },
  H: { seconds: 3600, suffix: "%Y-%m-%d_%H", pattern: /^\d{4}-\d\d-\d\d_\d\d$/ },
  D: { seconds: 86400, suffix: "%Y-%m-%d", pattern: /^\d{4}-\d\d-\d\d$/ },
};

/** Whether a value of the key `when` means something. Case doesn't matter. */
export function isRotationPeriod(when: string): boolean {
  return /^([SMHD]|MIDNIGHT|W[0-6])$/i.test(when);
}

/** Rotation at moments: after so many seconds … days, at midnight, or at the end of a day of the week. */
export class TimeRotation implements Rotation {
  readonly #when: string;
  readonly #interval: number;
  readonly #oldFiles: number;
  readonly #period: Period;
  #next = Infinity;

  /**
   * @param when One that {@link isRotationPeriod} knows.
   * @param interval How many of them; for days of the week, weeks.
   */
  constructor(when: string, interval: number, oldFiles: number) {
    this.#when = when.toUpperCase();
    this.#interval = Math.max(1, interval);
    this.#oldFiles = oldFiles;
    this.#period = PERIODS[this.#when] ?? PERIODS.D;
  }

  /** When the file is rotated next, in milliseconds since 1970. */
  get next(): number {
    return this.#next;
  }

  opened(now: number, modified: number | undefined): void {
    if (this.#next === Infinity) this.#next = this.#after(modified ?? now);
  }

  due(now: number): boolean {
    return now >= this.#next;
  }

  roll(path: string, now: number): void {
    const target = `${path}.${formatTime(this.#periodStart(), this.#period.suffix)}`;
    this.#next = this.#following(now);
    if (exists(target)) return;
    renameIfThere(path, target);
    this.#removeOldest(path);
  }

  /** The first moment of rotation that is still to come. */
  #following(now: number): number {
    if (this.#next > now) return this.#next;
    return this.#after(now);
  }

  #after(time: number): number {
    const whole = Math.floor(time / 1000) * 1000;
    if (this.#when in PERIODS) return whole + this.#interval * this.#period.seconds * 1000;
    const date = new Date(whole);
    let days = this.#when === "MIDNIGHT" ? this.#interval : 1;
    if (this.#when.startsWith("W")) {
      // Monday is 0. The file of a day of the week is complete when that day ends.
      const today = (date.getDay() + 6) % 7;
      days = ((Number(this.#when[1]) - today + 7) % 7) + 1 + (this.#interval - 1) * 7;
    }
    return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
  }

  #periodStart(): Date {
    if (this.#when in PERIODS) return new Date(this.#next - this.#interval * this.#period.seconds * 1000);
    const days = this.#interval * (this.#when === "MIDNIGHT" ? 1 : 7);
    const end = new Date(this.#next);
    return new Date(end.getFullYear(), end.getMonth(), end.getDate() - days);
  }

  #removeOldest(path: string): void {
    const folder = dirname(path);
    const prefix = `${basename(path)}.`;
    const old: string[] = [];
    for (const entry of Deno.readDirSync(folder)) {
      if (!entry.name.startsWith(prefix)) continue;
      if (this.#period.pattern.test(entry.name.slice(prefix.length))) old.push(entry.name);
    }
    old.sort();
    for (const name of old.slice(0, Math.max(0, old.length - this.#oldFiles))) {
      Deno.removeSync(join(folder, name));
    }
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
