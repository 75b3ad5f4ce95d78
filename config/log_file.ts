/**
 * Log files and the standard streams: each line is one synchronous write, so that it is there when the process dies.
 *
 * @module
 */

import type { LineEncoder } from "./log_encoding.ts";
import type { Rotation } from "./log_rotation.ts";

/** Where finished lines go. */
export interface LineWriter {
  /** Writes a line; `now` in milliseconds since 1970. */
  write(line: string, now: number): void;
  /** Closes and opens again, or rotates: somebody may have moved the file. */
  reopen(now: number): void;
  /** Writes nothing from here on. */
  close(): void;
}

/** Standard output or standard error. */
export class StreamWriter implements LineWriter {
  readonly #stream: { writeSync(bytes: Uint8Array): number };
  readonly #encoder = new TextEncoder();

  constructor(stream: { writeSync(bytes: Uint8Array): number }) {
    this.#stream = stream;
  }

  write(line: string): void {
    writeAll(this.#stream, this.#encoder.encode(`${line}\n`));
  }

  reopen(): void {}

  close(): void {}
}

/** What a log file is opened with. */
export interface LogFileOptions {
  readonly path: string;
  readonly encode: LineEncoder;
  /** Absent: the file grows. */
  readonly rotation?: Rotation;
}

/** A file that lines are appended to. Opened by {@link open}, or by the first line. */
export class LogFile implements LineWriter {
  readonly #options: LogFileOptions;
  #file: Deno.FsFile | undefined;
  #size = 0;
  #closed = false;
  #regular = false;

  constructor(options: LogFileOptions) {
    this.#options = options;
  }

  /**
   * Opens the file, at its end; makes it if it isn't there.
   *
   * @throws what `Deno.openSync` throws.
   */
  open(now: number): void {
    if (this.#file !== undefined || this.#closed) return;
    const file = Deno.openSync(this.#options.path, { append: true, create: true });
    const { size, isFile, mtime } = file.statSync();
    this.#file = file;
    this.#size = size;
    this.#regular = isFile;
    this.#options.rotation?.opened(now, size > 0 ? mtime?.getTime() : undefined);
  }

  write(line: string, now: number): void {
    if (this.#closed) return;
    this.open(now);
    const bytes = this.#options.encode(`${line}\n`);
    let failure: unknown;
    if (this.#regular && this.#options.rotation?.due(now, this.#size, bytes.length)) {
      try {
        this.#rotate(now);
      } catch (error) {
        // A line that can't go to a new file is better off in the old one than nowhere.
        failure = error;
        this.open(now);
      }
    }
    this.#size += writeAll(this.#file!, bytes);
    if (failure !== undefined) throw failure;
  }

  reopen(now: number): void {
    if (this.#closed) return;
    if (this.#file !== undefined && this.#regular && this.#options.rotation !== undefined) {
      this.#rotate(now);
      return;
    }
    this.#shut();
    this.open(now);
  }

  close(): void {
    this.#closed = true;
    this.#shut();
  }

  #rotate(now: number): void {
    this.#shut();
    this.#options.rotation?.roll(this.#options.path, now);
    this.open(now);
  }

  #shut(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

function writeAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): number {
  let written = 0;
  while (written < bytes.length) written += to.writeSync(bytes.subarray(written));
  return written;
}
