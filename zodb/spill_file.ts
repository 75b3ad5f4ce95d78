/**
 * Records that take too much memory, in a temporary file; in memory all the same where no file can be made.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";

const log = getLogger(["zeo", "zodb"]);

/** See the module. */
export class SpillFile {
  readonly #file: Deno.FsFile | undefined;
  readonly #path: string | undefined;
  #end = 0;

  constructor() {
    try {
      this.#path = Deno.makeTempFileSync({ prefix: "zeo-savepoint-" });
      this.#file = Deno.openSync(this.#path, { read: true, write: true });
    } catch (error) {
      log.warn("no temporary file for a large transaction, it stays in memory: {error}", { error });
    }
  }

  /** Takes bytes. @returns What gives them back. */
  add(bytes: Uint8Array): () => Uint8Array {
    const file = this.#file, start = this.#end, { length } = bytes;
    if (!file) return () => bytes;
    file.seekSync(start, Deno.SeekMode.Start);
    for (let done = 0; done < length;) done += file.writeSync(bytes.subarray(done));
    this.#end = start + length;
    return () => {
      const found = new Uint8Array(length);
      file.seekSync(start, Deno.SeekMode.Start);
      for (let done = 0; done < length;) {
        const read = file.readSync(found.subarray(done));
        if (read === null) throw new Error(`${this.#path}: ends after ${start + done} bytes`);
        done += read;
      }
      return found;
    };
  }

  /** Removes the file. */
  remove(): void {
    this.#file?.close();
    if (this.#path !== undefined) Deno.removeSync(this.#path);
  }
}
