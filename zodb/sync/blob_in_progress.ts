/**
 * A blob's file while its content arrives.
 *
 * @module
 */

import type { NewBlob } from "../../storage/mod.ts";

/** See the module. */
export class BlobInProgress implements NewBlob {
  readonly path: string;
  #file: Deno.FsFile | undefined;

  constructor(directory: string) {
    this.path = Deno.makeTempFileSync({ dir: directory, prefix: "blob-" });
    this.#file = Deno.openSync(this.path, { write: true });
  }

  write(bytes: Uint8Array): void {
    if (!this.#file) throw new TypeError(`${this.path} is closed`);
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  discard(): void {
    this.close();
    Deno.removeSync(this.path);
  }
}
