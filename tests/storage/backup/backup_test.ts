import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import {
  backUp,
  BackupError,
  type BackUpOptions,
  compareStorages,
  FileStorage,
  restoreBackup,
  verifyBackup,
} from "../../../storage/mod.ts";
import { NO_TID, type Tid } from "../../../values/mod.ts";
import { commit, packTo, revisions } from "../samples.ts";

/** A data file, a directory for its backups, and a clock that goes on by a minute for each. */
interface Place {
  readonly path: string;
  readonly directory: string;
  readonly folder: string;
  back(options?: BackUpOptions): ReturnType<typeof backUp>;
}

async function inPlace(body: (place: Place) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/Data.fs`, directory = `${folder}/backups`;
  await Deno.mkdir(directory);
  let time = Date.UTC(2026, 10, 22, 15, 0, 0);
  const back = (options: BackUpOptions = {}) =>
    backUp(path, directory, { now: () => time += 60_000, ...options });
  try {
    await body({ path, directory, folder, back });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function add(path: string, ...texts: string[]): Promise<Tid[]> {
  await using storage = FileStorage.open(path);
  const id = Number(storage.newOids(1)[0]);
  return await revisions(storage, id, texts);
}

const names = (directory: string): string[] =>
  Array.from(Deno.readDirSync(directory), ({ name }) => name).sort();

Deno.test("a full backup and increments, plain or compressed, restore the file byte for byte", async () => {
  await inPlace(async ({ path, directory, folder, back }) => {
    const states: Uint8Array[] = [];
    for (const [turn, compress] of [false, false, true, false, true].entries()) {
      await add(path, `one ${turn}`, "x".repeat(200));
      assertEquals((await back({ compress, quick: turn % 2 === 0 })).kind, turn === 0 ? "full" : "increment");
      states.push(await Deno.readFile(path));
    }
    assertEquals((await back()).kind, "none");
    assertEquals(names(directory), [
      "2026-11-22-15-01-00.dat",
      "2026-11-22-15-01-00.fs",
      "2026-11-22-15-01-00.index",
      "2026-11-22-15-02-00.deltafs",
      "2026-11-22-15-02-00.index",
      "2026-11-22-15-03-00.deltafsz",
      "2026-11-22-15-03-00.index",
      "2026-11-22-15-04-00.deltafs",
      "2026-11-22-15-04-00.index",
      "2026-11-22-15-05-00.deltafsz",
      "2026-11-22-15-05-00.index",
    ]);
    for (const [turn, state] of states.entries()) {
      const target = `${folder}/restored-${turn}.fs`;
      const report = await restoreBackup(directory, target, { until: `2026-11-22-15-0${turn + 1}-30` });
      assertEquals(await Deno.readFile(target), state);
      assertEquals([report.parts.length, report.indexMatched], [turn + 1, true]);
      await using storage = FileStorage.open(target);
      assertEquals(storage.lastTransaction(), report.lastTid as Tid);
    }
    await assertRejects(
      () => restoreBackup(directory, `${folder}/x.fs`, { until: "2026-11-22-15-00-59" }),
      BackupError,
    );
  });
});

Deno.test("after a pack there is a full backup, and the old ones go when that is wanted", async () => {
  await inPlace(async ({ path, directory, folder, back }) => {
    {
      await using storage = FileStorage.open(path);
      await revisions(storage, 0, ["a", "b", "c"]);
    }
    await back();
    {
      await using storage = FileStorage.open(path);
      await packTo(storage, storage.lastTransaction());
      await commit(storage, [[7, NO_TID, "x".repeat(250)], [8, NO_TID, "y".repeat(250)]]);
    }
    const planned = await back({ dryRun: true, killOld: true });
    assertEquals([planned.kind, planned.part, planned.removed.length], ["full", undefined, 3]);
    assertEquals(names(directory).length, 3);
    const report = await back({ killOld: true });
    assertEquals([report.kind, report.removed.length], ["full", 3]);
    assertEquals(names(directory).map((name) => name.slice(19)), [".dat", ".fs", ".index"]);
    await restoreBackup(directory, `${folder}/restored.fs`);
    assertEquals(await Deno.readFile(`${folder}/restored.fs`), await Deno.readFile(path));
  });
});

Deno.test("S21 unsound backups are not continued: the next one is full", async () => {
  const damages: ((directory: string, files: string[]) => void)[] = [
    (directory, files) => Deno.removeSync(`${directory}/${files.find((name) => name.endsWith(".deltafs"))}`),
    (directory, files) => Deno.truncateSync(`${directory}/${files.find((name) => name.endsWith(".fs"))}`, 20),
    (directory) => Deno.writeTextFileSync(`${directory}/2026-11-22-15-02-30.deltafs`, "junk"),
    (directory, files) =>
      Deno.truncateSync(`${directory}/${files.find((name) => name.endsWith(".dat"))}`, 30),
    (directory, files) => Deno.removeSync(`${directory}/${files.find((name) => name.endsWith(".dat"))}`),
  ];
  for (const damage of damages) {
    await inPlace(async ({ path, directory, folder, back }) => {
      await add(path, "a");
      await back();
      await add(path, "b");
      assertEquals((await back()).kind, "increment");
      damage(directory, names(directory));
      await assertRejects(() => verifyBackup(directory), BackupError);
      await assertRejects(() => restoreBackup(directory, `${folder}/x.fs`), BackupError);
      await add(path, "c");
      const report = await back();
      assertEquals(report.kind, "full");
      assert(report.reason?.startsWith("the backups so far are not sound: "), report.reason);
      await verifyBackup(directory);
      await restoreBackup(directory, `${folder}/restored.fs`);
      assertEquals(await Deno.readFile(`${folder}/restored.fs`), await Deno.readFile(path));
    });
  }
});

Deno.test("S21 whatever happens to a directory of backups, it is an error or the right state is restored", async () => {
  await inPlace(async ({ path, directory, folder, back }) => {
    const states = new Map<string, Uint8Array>();
    for (const [turn, compress] of [true, false, true].entries()) {
      await add(path, `turn ${turn}`, "text");
      const { part } = await back({ compress });
      states.set(part!.stamp, await Deno.readFile(path));
    }
    const last = await Deno.readFile(path), files = names(directory), damaged = `${folder}/damaged`;
    const file = fc.constantFrom(...files), number = fc.nat();
    const damage = fc.oneof(
      fc.record({ kind: fc.constant("remove" as const), file, at: number, value: number }),
      fc.record({ kind: fc.constant("cut" as const), file, at: number, value: number }),
      fc.record({
        kind: fc.constant("change" as const),
        file,
        at: number,
        value: fc.integer({ min: 1, max: 255 }),
      }),
      fc.record({ kind: fc.constant("append" as const), file, at: number, value: number }),
      fc.record({ kind: fc.constant("swap" as const), file, at: number, value: number }),
    );
    await fc.assert(
      fc.asyncProperty(damage, async ({ kind, file, at, value }) => {
        await Deno.mkdir(damaged);
        for (const name of files) await Deno.copyFile(`${directory}/${name}`, `${damaged}/${name}`);
        const target = `${folder}/restored.fs`,
          path = `${damaged}/${file}`,
          bytes = await Deno.readFile(path);
        if (kind === "remove") await Deno.remove(path);
        if (kind === "cut") await Deno.truncate(path, at % bytes.length);
        if (kind === "append") await Deno.writeFile(path, new Uint8Array([value]), { append: true });
        if (kind === "change") {
          bytes[at % bytes.length] ^= value;
          await Deno.writeFile(path, bytes);
        }
        if (kind === "swap") {
          const other = files[value % files.length];
          await Deno.copyFile(`${directory}/${other}`, path);
        }
        try {
          const report = await restoreBackup(damaged, target);
          assertEquals(await Deno.readFile(target), last);
          assertEquals(report.size, last.length);
        } catch (error) {
          if (!(error instanceof BackupError)) throw error;
          assertEquals(names(folder).filter((name) => name.startsWith("restored")), []);
        } finally {
          for (const made of [target, `${target}.index`]) await Deno.remove(made).catch(() => {});
          await Deno.remove(damaged, { recursive: true });
        }
      }),
      { numRuns: 150 },
    );
    assertEquals(states.size, 3);
  });
});

Deno.test("S21 a damaged backup is detected: every byte of it, quickly only its length", async () => {
  await inPlace(async ({ path, directory, back }) => {
    await add(path, "a");
    const { part } = await back();
    const file = `${directory}/${part!.name}`, bytes = await Deno.readFile(file);
    for (let position = 0; position < bytes.length; position++) {
      const changed = bytes.slice();
      changed[position] ^= 1;
      await Deno.writeFile(file, changed);
      await assertRejects(() => verifyBackup(directory), BackupError, "check sum");
      await verifyBackup(directory, { quick: true });
    }
    await Deno.writeFile(file, bytes.subarray(1));
    await assertRejects(() => verifyBackup(directory, { quick: true }), BackupError, "bytes, expected");
  });
});

Deno.test("a backup that is broken off leaves nothing behind", async () => {
  await inPlace(async ({ path, directory, folder, back }) => {
    await add(path, "a");
    const reason = new Error("enough");
    const controller = new AbortController();
    const stopping = back({ signal: controller.signal, progress: () => controller.abort(reason) });
    assertEquals(await assertRejects(() => stopping), reason);
    assertEquals(names(directory), []);
    await back();
    assertEquals(
      await assertRejects(() =>
        restoreBackup(directory, `${folder}/x.fs`, { signal: AbortSignal.abort(reason) })
      ),
      reason,
    );
    assertEquals(names(folder), ["Data.fs", "Data.fs.index", "Data.fs.lock", "backups"]);
  });
});

Deno.test("nothing is overwritten by a restore", async () => {
  await inPlace(async ({ path, directory, back }) => {
    await add(path, "a");
    await back();
    const before = await Deno.readFile(path);
    await assertRejects(() => restoreBackup(directory, path), BackupError, "is there already");
    await Deno.remove(path);
    await assertRejects(() => restoreBackup(directory, path), BackupError, "Data.fs.index: is there already");
    await Deno.remove(`${path}.index`);
    await restoreBackup(directory, path);
    assertEquals(await Deno.readFile(path), before);
  });
});

Deno.test("backups that are made while others commit are states after a transaction", async () => {
  await inPlace(async ({ path, directory, folder, back }) => {
    await using storage = FileStorage.open(path);
    let serial = await commit(storage, [[0, NO_TID, "root"], [1, NO_TID, "first"]]);
    let done = false;
    const writing = (async () => {
      for (let step = 0; !done; step++) {
        serial = await commit(storage, [[0, serial, `step ${step}`], [1, serial, `and ${step}`]]);
      }
    })();
    const ends: Tid[] = [];
    for (let turn = 0; turn < 6; turn++) {
      await back({ compress: turn % 2 === 1 });
      const target = `${folder}/restored-${turn}.fs`;
      ends.push((await restoreBackup(directory, target)).lastTid as Tid);
    }
    done = true;
    await writing;
    for (const [turn, stop] of ends.entries()) {
      await using restored = FileStorage.open(`${folder}/restored-${turn}.fs`, { readOnly: true });
      assertEquals(restored.lastTransaction(), stop);
      const { difference, transactions } = await compareStorages(storage, restored, { stop });
      assertEquals(difference, undefined);
      assert(transactions > 0);
    }
    assertEquals(new Set(ends).size, ends.length);
  });
});
