import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Disk, FileStorage, realDisk } from "../../../storage/mod.ts";
import { MultipleUndoErrors, tid, UndoError } from "../../../values/mod.ts";
import { nobody, undo } from "../samples.ts";
import { current, fill, linked, put, withDatabase } from "./pack_samples.ts";

/** Longer than the storage works before others have their turn, in milliseconds. */
const LONG = 7;

/** More than is read at once on the way back. */
const BIG = "x".repeat(70_000);

/** A disk whose reads take long, as long as `slow.on`. */
function slowDisk(slow: { on: boolean }): Disk {
  return {
    ...realDisk,
    open(path, mode) {
      const file = realDisk.open(path, mode), read = file.read.bind(file);
      file.read = (buffer, position) => {
        for (const end = performance.now() + LONG; slow.on && performance.now() < end;);
        return read(buffer, position);
      };
      return file;
    },
  };
}

const slow = { on: false };

Deno.test("others are served while a transaction of long ago is looked for, to be undone", () =>
  withDatabase(async (storage) => {
    await fill(storage, 3);
    const target = await put(storage, { 1: linked("to be undone") });
    for (let n = 0; n < 10; n++) await put(storage, { 2: linked(`${n} ${BIG}`) });
    slow.on = true;
    const transaction = storage.begin(nobody);
    transaction.undo(target);
    let turns = 0, done = false;
    const voting = Promise.resolve(transaction.vote()).finally(() => done = true);
    while (!done) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      turns++;
    }
    slow.on = false;
    await voting;
    await transaction.finish();
    assert(turns > 5, `${turns} turns`);
    assertEquals(current(storage, 1).data, linked("third 1"));
  }, { disk: slowDisk(slow) }));

Deno.test("an undo is right when a pack puts another file in place while its transaction is looked for", () =>
  withDatabase(async (storage) => {
    await fill(storage, 3);
    const packed = Date.now() / 1000;
    await new Promise((resolve) => setTimeout(resolve, 5));
    const target = await put(storage, { 1: linked("to be undone") });
    for (let n = 0; n < 10; n++) await put(storage, { 3: linked(`${n} ${BIG}`) });
    slow.on = true;
    const packing = storage.pack(packed);
    const tid = await undo(storage, target);
    slow.on = false;
    assertEquals((await packing).outcome, "packed");
    assertEquals(current(storage, 1), { serial: tid, data: linked("third 1"), end: null });
    const path = storage.name;
    await storage.close();
    await using again = FileStorage.open(path);
    assertEquals(current(again, 1).data, linked("third 1"));
  }, { disk: slowDisk(slow) }));

Deno.test("of several things that can't be undone the first is told", () =>
  withDatabase(async (storage) => {
    await fill(storage, 3);
    const changed = await put(storage, { 1: linked("fourth") });
    await put(storage, { 1: linked("fifth") });
    for (const unknown of [[changed, tid(1)], [tid(1), changed]]) {
      const error = await assertRejects(() => undo(storage, ...unknown), UndoError);
      assertEquals(error instanceof MultipleUndoErrors, unknown[0] === changed, `${error}`);
    }
  }));
