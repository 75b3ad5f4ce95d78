/** Backups when something goes wrong: nothing half-done stays, and nothing unsound is passed on. */

import { assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { backUp, BackupError, FileStorage, restoreBackup } from "../../../storage/mod.ts";
import { NO_TID } from "../../../values/mod.ts";
import { inFolder } from "../behaviour/kinds.ts";
import { commit } from "../samples.ts";

const START = Date.UTC(2026, 10, 22, 15, 0, 0);

const names = (directory: string): string[] =>
  Array.from(Deno.readDirSync(directory), ({ name }) => name).sort();

/** A data file with a transaction for each number, and a directory for its backups. */
async function prepare(folder: string, ...numbers: number[]): Promise<{ path: string; directory: string }> {
  const path = `${folder}/Data.fs`, directory = `${folder}/backups`;
  await Deno.mkdir(directory, { recursive: true });
  await using storage = FileStorage.open(path);
  for (const number of numbers) await commit(storage, [[number, NO_TID, "x".repeat(200 + number)]]);
  return { path, directory };
}

Deno.test("S21 a change of what is in an older backup is found: the next one is full, but for a quick look", () =>
  inFolder(async (folder) => {
    const { path, directory } = await prepare(folder, 1);
    let minutes = 0;
    const back = (quick: boolean) =>
      backUp(path, directory, { quick, now: () => START + ++minutes * 60_000 });
    await back(false);
    await prepare(folder, 2);
    await back(false);
    await prepare(folder, 3);
    const bytes = await Deno.readFile(path);
    // In the data of the first record.
    bytes[150]++;
    await Deno.writeFile(path, bytes);
    assertEquals((await back(true)).kind, "increment");
    const { kind, reason } = await back(false);
    assertEquals([kind, reason?.includes("are not those of 2026-11-22-15-01-00.fs")], ["full", true]);
  }));

Deno.test("S21 a backup that can't be finished leaves the directory as it was", () =>
  inFolder(async (folder) => {
    const { path, directory } = await prepare(folder, 1);
    await backUp(path, directory, { now: () => START });
    await prepare(folder, 2);
    const before = names(directory);
    // There is something in the way of the index.
    const inTheWay = `${directory}/2026-11-22-15-01-00.index.index_tmp`;
    await Deno.mkdir(inTheWay);
    await assertRejects(() => backUp(path, directory, { now: () => START + 60_000 }), BackupError, "index");
    await Deno.remove(inTheWay);
    assertEquals(names(directory), before);
    assertEquals((await backUp(path, directory, { now: () => START + 60_000 })).kind, "increment");
    await restoreBackup(directory, `${folder}/restored.fs`);
    assertEquals(await Deno.readFile(`${folder}/restored.fs`), await Deno.readFile(path));
  }));

Deno.test("S21 a backup that doesn't end with a whole transaction is not restored, whatever its check sum says", () =>
  inFolder(async (folder) => {
    const { path, directory } = await prepare(folder, 1, 2);
    await backUp(path, directory, { now: () => START });
    const name = `${directory}/2026-11-22-15-00-00`;
    const torn = (await Deno.readFile(`${name}.fs`)).slice(0, -5);
    await Deno.writeFile(`${name}.fs`, torn);
    const checksum = createHash("md5").update(torn).digest("hex");
    await Deno.writeTextFile(`${name}.dat`, `${name}.fs 0 ${torn.length} ${checksum}\n`);
    const before = names(folder);
    await assertRejects(
      () => restoreBackup(directory, `${folder}/restored.fs`),
      BackupError,
      "whole transactions end at",
    );
    assertEquals(names(folder), before);
  }));
