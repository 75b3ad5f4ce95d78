/**
 * A disk whose `sync` waits until the test lets it pass: whoever finishes a transaction stays in the middle of it.
 *
 * @module
 */

import { type Disk, type DiskFile, type OpenMode, realDisk } from "../../storage/mod.ts";

/** See the module. */
export class GatedDisk implements Disk {
  #gate?: PromiseWithResolvers<void>;
  /** How many syncs wait. */
  waiting = 0;

  /** From now on every sync waits. */
  shut(): void {
    this.#gate ??= Promise.withResolvers();
  }

  /** Lets all of them pass. */
  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  open(path: string, mode: OpenMode): DiskFile {
    return this.#file(realDisk.open(path, mode));
  }

  exists(path: string): boolean {
    return realDisk.exists(path);
  }

  rename(from: string, to: string): void {
    realDisk.rename(from, to);
  }

  remove(path: string): void {
    realDisk.remove(path);
  }

  syncDirectory(path: string): void {
    realDisk.syncDirectory(path);
  }

  #file(file: DiskFile): DiskFile {
    return {
      path: file.path,
      size: () => file.size(),
      read: (buffer, position) => file.read(buffer, position),
      write: (bytes, position) => file.write(bytes, position),
      truncate: (size) => file.truncate(size),
      sync: async () => {
        this.waiting++;
        await this.#gate?.promise;
        await file.sync();
        this.waiting--;
      },
      syncNow: () => file.syncNow(),
      close: () => file.close(),
    };
  }
}
