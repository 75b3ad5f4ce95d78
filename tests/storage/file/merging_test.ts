/** Merged records, in the midst of others of their transaction. */

import { assertEquals } from "@std/assert";
import { checkDataFile, FileStorage } from "../../../storage/mod.ts";
import { equalBytes, MAX_TID, NO_TID, oid, type Tid } from "../../../values/mod.ts";
import { commit, nobody, noise } from "../samples.ts";
import { inFolder } from "../behaviour/kinds.ts";

/** Numbers of objects: those in the middle are merged. */
const OBJECTS = [0, 1, 2, 3, 4];
const MERGED = [1, 3];

/** Bytes of a record of an object, in this revision. */
const content = (id: number, revision: string, size: number): Uint8Array =>
  noise(size, 10 * id + revision.charCodeAt(0));

const cases: Record<string, { readonly size: number; readonly merged: readonly number[] }> = {
  "longer ones": { size: 500, merged: [777, 1300] },
  "shorter ones": { size: 500, merged: [499, 1] },
  "a longer and a shorter one": { size: 500, merged: [2000, 20] },
  "ones of the same length": { size: 500, merged: [500, 500] },
  "ones that outgrow the memory for a transaction": { size: 500, merged: [9 << 20, 3 << 20] },
  "some that were written to the side already": { size: 3 << 20, merged: [100, 4 << 20] },
};

for (const [name, { size, merged }] of Object.entries(cases)) {
  Deno.test(`when conflicting records are replaced by ${name}, all the others keep theirs`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/Data.fs`;
      const merge = ({ oid: id }: { readonly oid: bigint }) =>
        content(Number(id), "m", merged[MERGED.indexOf(Number(id))]);
      const expected = (id: number) =>
        MERGED.includes(id) ? content(id, "m", merged[MERGED.indexOf(id)]) : content(id, "c", size);
      const check = (storage: FileStorage, tid: Tid, last: Tid) => {
        for (const id of OBJECTS) {
          const found = storage.loadBefore(oid(id), MAX_TID)!;
          assertEquals([found.serial, equalBytes(found.data, expected(id))], [tid, true], `object ${id}`);
          if (MERGED.includes(id)) assertEquals(storage.loadBefore(oid(id), tid)!.serial, last);
        }
      };
      let tid: Tid, last: Tid;
      {
        await using storage = FileStorage.open(path, { merge });
        const start = await commit(storage, OBJECTS.map((id) => [id, NO_TID, content(id, "a", 50)]));
        last = await commit(storage, MERGED.map((id) => [id, start, content(id, "b", 60)]));
        const late = storage.begin(nobody);
        for (const id of OBJECTS) late.store(oid(id), start, content(id, "c", size));
        assertEquals(await late.vote(), MERGED.map((id) => oid(id)));
        tid = await late.finish();
        check(storage, tid, last);
      }
      // The records here are no pickles; all else has to be right.
      assertEquals(Object.keys((await checkDataFile(path)).counts), ["data"]);
      await Deno.remove(`${path}.index`);
      await using again = FileStorage.open(path);
      check(again, tid, last);
    }));
}
