/**
 * Files to damage, and what each of their bytes is.
 *
 * @module
 */

import { FileStorage } from "../../../storage/mod.ts";
import { headerLength, RECORD_HEADER, recordsEnd, TRANSACTION_HEADER } from "../../../storage/file/format.ts";
import { recordsOf, transactionsOf } from "../../../storage/file/scan.ts";
import { NO_TID, oid, type Tid } from "../../../values/mod.ts";
import { commit, nobody, record } from "../samples.ts";
import { MemoryDisk } from "./memory_disk.ts";

/** Where files are on the disk in memory. */
export const PATH = "/d/Data.fs";

/** A file with its index. */
export interface Sample {
  readonly bytes: Uint8Array;
  readonly index: Uint8Array;
  readonly tids: readonly Tid[];
}

/**
 * Twelve transactions: objects 0 to 4 at first, then changes of them all with more objects, and undos of two. The
 * records are `record`s; each transaction has a user and a description.
 */
export async function history(): Promise<Sample> {
  const folder = await Deno.makeTempDir();
  try {
    const tids: Tid[] = [];
    {
      await using storage = FileStorage.open(`${folder}/Data.fs`);
      const serials = new Map<number, Tid>();
      for (let step = 0; step < 10; step++) {
        const ids = step === 0 ? [0, 1, 2, 3, 4] : [step % 5, (step + 2) % 5, 10 + step];
        const changes = ids.map((id) => [id, serials.get(id) ?? NO_TID, `object ${id} at ${step}`] as const);
        const text = new TextEncoder().encode(`step ${step}`);
        const tid = await commit(storage, changes, { user: text, description: text });
        for (const id of ids) serials.set(id, tid);
        tids.push(tid);
      }
      for (const undone of [9, 8]) {
        const transaction = storage.begin(nobody);
        transaction.undo(tids[undone]);
        await transaction.vote();
        tids.push(await transaction.finish());
      }
    }
    return {
      bytes: await Deno.readFile(`${folder}/Data.fs`),
      index: await Deno.readFile(`${folder}/Data.fs.index`),
      tids,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a byte of a file is part of. */
export type ByteKind = "magic" | "header" | "text" | "record" | "data" | "back" | "trailer";

/** What each byte of a sound file is part of. */
export function byteKinds(bytes: Uint8Array): ByteKind[] {
  const kinds = new Array<ByteKind>(bytes.length).fill("magic");
  const file = new MemoryDisk({ [PATH]: bytes }).open(PATH, "read");
  for (const { header } of transactionsOf(file, 4, bytes.length)) {
    const texts = header.position + TRANSACTION_HEADER;
    kinds.fill("header", header.position, texts);
    kinds.fill("text", texts, header.position + headerLength(header));
    for (const { position, size } of recordsOf(file, header)) {
      const content = position + RECORD_HEADER;
      kinds.fill("record", position, content);
      kinds.fill(size > 0 ? "data" : "back", content, content + (size || 8));
    }
    kinds.fill("trailer", recordsEnd(header), recordsEnd(header) + 8);
  }
  file.close();
  return kinds;
}

/** Where the transactions of a sound file are, and where their records are. */
export function places(bytes: Uint8Array): { position: number; end: number; records: number[] }[] {
  const file = new MemoryDisk({ [PATH]: bytes }).open(PATH, "read");
  const found = Array.from(transactionsOf(file, 4, bytes.length), ({ header }) => ({
    position: header.position,
    end: recordsEnd(header) + 8,
    records: Array.from(recordsOf(file, header), ({ position }) => position),
  }));
  file.close();
  return found;
}

/** A copy with other bytes in it. */
export function changed(bytes: Uint8Array, position: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, position);
  return copy;
}

/** A small file: object 1 is stored, changed and changed back by an undo; object 2 is stored with it. */
export async function undone(): Promise<Sample> {
  const folder = await Deno.makeTempDir();
  try {
    const tids: Tid[] = [];
    {
      await using storage = FileStorage.open(`${folder}/Data.fs`);
      tids.push(await commit(storage, [[1, NO_TID, "one"], [2, NO_TID, "two"]]));
      tids.push(await commit(storage, [[1, tids[0], "ONE"]]));
      const transaction = storage.begin(nobody);
      transaction.undo(tids[1]);
      transaction.store(oid(3), NO_TID, record("three"));
      await transaction.vote();
      tids.push(await transaction.finish());
    }
    return {
      bytes: await Deno.readFile(`${folder}/Data.fs`),
      index: await Deno.readFile(`${folder}/Data.fs.index`),
      tids,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
