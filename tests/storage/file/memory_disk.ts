/**
 * A disk in memory, which remembers what was changed on it and can be told to fail.
 *
 * @module
 */

import type { Disk, DiskFile, OpenMode } from "../../../storage/disk.ts";

/** Files in memory. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Uint8Array>();
  /** Everything that changed something, in order: `write a`, `truncate a`, `rename a b` … */
  readonly changes: string[] = [];
  /** Bytes read so far. */
  read = 0;
  /** Calls of `read` so far. */
  reads = 0;
  /** Open files. */
  openFiles = 0;
  /** Throws when a change is not to happen. */
  beforeChange: (change: string) => void = () => {};

  constructor(files: Record<string, Uint8Array> = {}) {
    for (const [path, bytes] of Object.entries(files)) this.files.set(path, bytes.slice());
  }

  open(path: string, mode: OpenMode): DiskFile {
    if (mode === "create") {
      this.change(`create ${path}`);
      this.files.set(path, new Uint8Array());
    }
    if (!this.files.has(path)) throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
    this.openFiles++;
    return new MemoryFile(this, path, mode !== "read");
  }

  exists(path: string): boolean {
    return this.files.has(path);
  }

  rename(from: string, to: string): void {
    this.change(`rename ${from} ${to}`);
    this.files.set(to, this.content(from));
    this.files.delete(from);
  }

  remove(path: string): void {
    if (!this.files.has(path)) return;
    this.change(`remove ${path}`);
    this.files.delete(path);
  }

  syncDirectory(path: string): void {
    this.change(`sync ${path}`);
  }

  /** A file's bytes. */
  content(path: string): Uint8Array {
    const bytes = this.files.get(path);
    if (bytes === undefined) throw new Error(`no file ${path}, there are ${[...this.files.keys()]}`);
    return bytes;
  }

  change(what: string): void {
    this.beforeChange(what);
    this.changes.push(what);
  }
}

class MemoryFile implements DiskFile {
  #closed = false;

  constructor(readonly disk: MemoryDisk, readonly path: string, readonly writable: boolean) {}

  size(): number {
    return this.disk.content(this.path).length;
  }

  read(buffer: Uint8Array, position: number): number {
    const bytes = this.disk.content(this.path).subarray(position, position + buffer.length);
    buffer.set(bytes);
    this.disk.read += bytes.length;
    this.disk.reads++;
    return bytes.length;
  }

  write(bytes: Uint8Array, position: number): void {
    this.#change("write");
    const before = this.disk.content(this.path);
    const after = new Uint8Array(Math.max(before.length, position + bytes.length));
    after.set(before);
    after.set(bytes, position);
    this.disk.files.set(this.path, after);
  }

  truncate(size: number): void {
    this.#change("truncate");
    const after = new Uint8Array(size);
    after.set(this.disk.content(this.path).subarray(0, size));
    this.disk.files.set(this.path, after);
  }

  sync(): Promise<void> {
    this.syncNow();
    return Promise.resolve();
  }

  syncNow(): void {
    this.#change("sync");
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.disk.openFiles--;
  }

  #change(what: string): void {
    if (!this.writable) throw new Error(`${this.path} was opened to be read, ${what} refused`);
    this.disk.change(`${what} ${this.path}`);
  }
}
