/**
 * The records of a transaction, kept until it is finished: to be sent again, and for the cache.
 *
 * Up to a bound they are in memory, beyond it in a temporary file.
 *
 * @module
 */

/** Bytes of one transaction that are kept in memory. */
const IN_MEMORY = 8 << 20;

/** A range of the temporary file. */
interface Place {
  readonly at: number;
  readonly length: number;
}

/** See the module. */
export class StoredRecords {
  readonly #records: (Uint8Array | Place)[] = [];
  #bytes = 0;
  #file?: Deno.FsFile;
  #path = "";
  #end = 0;

  /** Keeps a copy of a record. @returns Its number. */
  add(data: Uint8Array): number {
    if (this.#bytes + data.length > IN_MEMORY) this.#records.push(this.#write(data));
    else {
      this.#records.push(data.slice());
      this.#bytes += data.length;
    }
    return this.#records.length - 1;
  }

  /** The record with a number. */
  get(number: number): Uint8Array {
    const record = this.#records[number];
    if (record instanceof Uint8Array) return record;
    const data = new Uint8Array(record.length);
    this.#file!.seekSync(record.at, Deno.SeekMode.Start);
    for (let read = 0; read < data.length;) {
      const count = this.#file!.readSync(data.subarray(read));
      if (count === null) throw new Error(`${this.#path}: ended at ${record.at + read}`);
      read += count;
    }
    return data;
  }

  #write(data: Uint8Array): Place {
    const file = this.#open(), at = this.#end;
    file.seekSync(at, Deno.SeekMode.Start);
    for (let written = 0; written < data.length;) written += file.writeSync(data.subarray(written));
    this.#end += data.length;
    return { at, length: data.length };
  }

  #open(): Deno.FsFile {
    if (!this.#file) {
      this.#path = Deno.makeTempFileSync({ prefix: "zeo-transaction-" });
      this.#file = Deno.openSync(this.#path, { read: true, write: true });
      // It goes with its last user, also when the process is killed.
      Deno.removeSync(this.#path);
    }
    return this.#file;
  }

  /** Forgets everything; a second call does nothing. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#records.length = 0;
  }
}
