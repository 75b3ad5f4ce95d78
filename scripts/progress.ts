/**
 * Showing how far something is: a line that changes on a terminal, a line now and then in a log.
 *
 * @module
 */

import type { TextSink } from "./output.ts";

/** How far something is. */
export interface Step {
  /** Bytes done. */
  readonly bytes: number;
  /** Bytes in all, where that is known. */
  readonly total?: number;
  /** Objects, or records, done; where they are counted. */
  readonly objects?: number;
}

/** Shows how far something is. */
export interface ProgressDisplay extends Disposable {
  /** Tells how far it is; may be called as often as one likes. */
  update(step: Step): void;
}

const TERMINAL_INTERVAL = 200;
const LOG_INTERVAL = 10_000;

/** See the module. */
export class Progress implements ProgressDisplay {
  readonly #what: string;
  readonly #sink: TextSink;
  readonly #now: () => number;
  readonly #interval: number;
  readonly #started: number;
  #next: number;
  #shown = 0;

  /**
   * @param what What is being done, a word or two.
   * @param sink Where it is shown.
   * @param now What time it is, in milliseconds.
   */
  constructor(what: string, sink: TextSink, now: () => number = () => performance.now()) {
    this.#what = what;
    this.#sink = sink;
    this.#now = now;
    this.#started = now();
    this.#interval = sink.terminal ? TERMINAL_INTERVAL : LOG_INTERVAL;
    this.#next = this.#started + this.#interval;
  }

  update(step: Step): void {
    const now = this.#now();
    if (now < this.#next) return;
    this.#next = now + this.#interval;
    const text = progressText(this.#what, step, (now - this.#started) / 1000);
    if (!this.#sink.terminal) return this.#sink.write(`${text}\n`);
    this.#sink.write(`\r${text.padEnd(this.#shown)}`);
    this.#shown = text.length;
  }

  /** Takes the line off the terminal. */
  [Symbol.dispose](): void {
    if (this.#shown > 0) this.#sink.write(`\r${" ".repeat(this.#shown)}\r`);
    this.#shown = 0;
  }
}

/** How far something is, in words. @param seconds How long it has taken so far. */
export function progressText(what: string, { bytes, total, objects }: Step, seconds: number): string {
  const rate = seconds > 0 ? bytes / seconds : 0;
  const parts = [
    objects === undefined ? undefined : `${objects.toLocaleString("en-US")} objects`,
    total === undefined ? bytesText(bytes) : `${bytesText(bytes)} of ${bytesText(total)}`,
    total ? `${Math.floor(Math.min(1, bytes / total) * 100)} %` : undefined,
    rate > 0 ? `${bytesText(rate)}/s` : undefined,
    total !== undefined && rate > 0 && bytes < total
      ? `${durationText((total - bytes) / rate)} left`
      : undefined,
  ];
  return `${what}: ${parts.filter((part) => part !== undefined).join(", ")}`;
}

const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/** A number of bytes as people read it: `512 bytes`, `1.5 MB`. */
export function bytesText(bytes: number): string {
  let unit = 0;
  for (; bytes >= 999.5 && unit < UNITS.length - 1; unit++) bytes /= 1000;
  return `${unit === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${UNITS[unit]}`;
}

function durationText(seconds: number): string {
  const whole = Math.ceil(seconds), minutes = Math.floor(whole / 60);
  const two = (number: number) => String(number).padStart(2, "0");
  return minutes < 60
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}
