import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { FileStorage, FileStorageTransaction } from "../../../storage/mod.ts";
import {
  equalBytes,
  FileStorageError,
  MAX_TID,
  NO_TID,
  oid,
  StorageTransactionError,
} from "../../../values/mod.ts";
import type { DiskCall, FaultyDisk } from "../faulty_disk.ts";
import { commit, nobody, noise, record } from "../samples.ts";
import { onDisk, settle, texts } from "./on_disk.ts";

const MiB = 1 << 20;
const EIO = Object.assign(new Error("EIO: i/o error"), { code: "EIO" });

/** More than a transaction keeps in memory. */
const big = [noise(7 * MiB, 1), noise(7 * MiB, 2), noise(6 * MiB, 3)];

/** Other programs take all room but so much. */
const fill = (disk: FaultyDisk, left = 0) => void (disk.capacity = disk.used + left);

function begin(storage: FileStorage, id: number, ...data: readonly Uint8Array[]): FileStorageTransaction {
  const transaction = storage.begin(nobody);
  if (data.length === 0) transaction.store(oid(id), NO_TID, record(`${id}`));
  for (const [number, each] of data.entries()) transaction.store(oid(id + number), NO_TID, each);
  return transaction;
}

async function voted(
  storage: FileStorage,
  id: number,
  ...data: readonly Uint8Array[]
): Promise<FileStorageTransaction> {
  const transaction = begin(storage, id, ...data);
  await transaction.vote();
  return transaction;
}

/** The error of a vote, which has to fail. */
const refusal = (transaction: FileStorageTransaction): Promise<FileStorageError> =>
  assertRejects(async () => await transaction.vote(), FileStorageError);

function hasBig(storage: FileStorage, id: number): void {
  for (const [number, data] of big.entries()) {
    assert(equalBytes(storage.loadBefore(oid(id + number), MAX_TID)!.data, data));
  }
}

Deno.test("V08 what is voted can be finished although the disk has become full, and later ones are refused", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    await commit(storage, [[0, NO_TID, "0"]]);
    const transactions = [await voted(storage, 1), await voted(storage, 2), await voted(storage, 3)];
    fill(disk);
    const tids = await Promise.all(transactions.map((each) => each.finish()));
    assertEquals(tids, tids.toSorted());
    assertEquals(texts(storage, 4), ["0", "1", "2", "3"]);

    for (let attempt = 0; attempt < 3; attempt++) {
      const { message } = await refusal(begin(storage, 4));
      for (const part of [`${path}.ballast`, "the disk is full", `${MiB} bytes`, "ENOSPC"]) {
        assertStringIncludes(message, part);
      }
      assertEquals(texts(storage, 5), ["0", "1", "2", "3", null]);
      assertEquals(storage.lastTransaction(), tids[2]);
    }
    disk.capacity = Infinity;
    await commit(storage, [[4, NO_TID, "4"]]);
    await storage.close();
    assertEquals(disk.paths, [path, `${path}.index`]);
    assertEquals(texts(open(), 5), ["0", "1", "2", "3", "4"]);
  }));

Deno.test("V08 those that are voted can all be finished even when others take whatever room comes free", () =>
  onDisk(async ({ disk, open }) => {
    const storage = open();
    const transactions = [];
    for (const id of [0, 1, 2]) transactions.push(await voted(storage, id));
    for (const transaction of transactions) {
      fill(disk);
      await transaction.finish();
    }
    assertEquals(texts(storage, 3), ["0", "1", "2"]);
  }));

for (const left of [0, 10 * MiB]) {
  Deno.test(`V08 one of 20 MB and others beside it can be finished with ${left} bytes left on the disk`, () =>
    onDisk(async ({ disk, path, open }) => {
      const storage = open();
      const transactions = [
        await voted(storage, 0),
        await voted(storage, 10, ...big),
        await voted(storage, 1),
        await voted(storage, 20, ...big),
      ];
      fill(disk, left);
      await Promise.all(transactions.map((each) => each.finish()));
      hasBig(storage, 10);
      hasBig(storage, 20);
      assertEquals(disk.content(path).length, storage.size());
      await storage.close();
      disk.capacity = Infinity;
      const again = open();
      assertEquals([again.length(), ...texts(again, 2)], [8, "0", "1"]);
      hasBig(again, 20);
    }));
}

Deno.test("nobody is promised the room that is held back for what is being written just now", () =>
  onDisk(async ({ disk, open }) => {
    const storage = open();
    const first = await voted(storage, 10, ...big);
    fill(disk, MiB);
    // It finds the disk full later, and needs what is held back.
    const finishing = first.finish();
    const { message } = await refusal(begin(storage, 0, noise(5 * MiB)));
    assertStringIncludes(message, "the disk is full");
    await finishing;
    hasBig(storage, 10);
    disk.capacity = Infinity;
    await commit(storage, [[0, NO_TID, "0"]]);
  }));

Deno.test("a vote on a full disk is refused, and nothing else is wrong", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const before = disk.paths;
    for (const data of [[], [noise(5 * MiB)]]) {
      fill(disk, MiB / 2);
      const { message, cause } = await refusal(begin(storage, 0, ...data));
      assertStringIncludes(message, `${path}.ballast: the disk is full`);
      assertStringIncludes((cause as Error).message, "ENOSPC");
      assertEquals(disk.paths, before, "nothing takes room in vain");
    }
    assertEquals([storage.size(), storage.length()], [4, 0]);
    disk.capacity = Infinity;
    const first = await commit(storage, [[0, NO_TID, "0"]]);
    fill(disk);
    // What is held back already is enough for one more.
    await commit(storage, [[0, first, "1"]]);
    await refusal(begin(storage, 1));
    assertEquals(texts(storage, 2), ["1", null]);
  }));

Deno.test("a vote that is refused takes nothing from those before it", () =>
  onDisk(async ({ disk, open }) => {
    const storage = open();
    const first = await voted(storage, 0);
    for (const size of [MiB, 5 * MiB]) {
      fill(disk, MiB / 2);
      await refusal(begin(storage, 10, noise(size)));
    }
    fill(disk);
    await first.finish();
    assertEquals(texts(storage, 1), ["0"]);
  }));

const broken: Record<string, (call: DiskCall) => boolean> = {
  "made": ({ kind }) => kind === "create",
  "written": ({ kind }) => kind === "write",
  "written or cut": ({ kind }) => kind === "write" || kind === "truncate",
  "written or removed": ({ kind }) => kind === "write" || kind === "remove",
};

for (const [name, fails] of Object.entries(broken)) {
  Deno.test(`when the ballast can't be ${name} votes are refused, and work again when it can`, () =>
    onDisk(async ({ disk, path, open }) => {
      const storage = open();
      disk.fault = (call) =>
        call.path === `${path}.ballast` && fails(call) ? { error: EIO, written: 100 } : undefined;
      for (const data of [[], [noise(5 * MiB)]]) {
        const { message, cause } = await refusal(begin(storage, 0, ...data));
        assertStringIncludes(message, `${path}.ballast`);
        assert(!message.includes("full"), message);
        assertEquals(cause, EIO);
      }
      assertEquals([storage.size(), disk.openFiles], [4, 1]);
      disk.fault = () => undefined;
      await commit(storage, [[0, NO_TID, "0"]]);
      const transaction = await voted(storage, 1);
      fill(disk);
      await transaction.finish();
      assertEquals(texts(storage, 2), ["0", "1"]);
    }));
}

Deno.test("a ballast that can't be cut is given up as a whole", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const transaction = await voted(storage, 0);
    fill(disk);
    disk.fault = ({ kind, path: at }) =>
      kind === "truncate" && at === `${path}.ballast` ? { error: EIO } : undefined;
    await transaction.finish();
    assertEquals(texts(storage, 1), ["0"]);
    assertEquals(disk.paths, [path, `${path}.index`]);
  }));

Deno.test("a ballast that can't be removed doesn't keep the storage from being closed and opened again", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    await commit(storage, [[0, NO_TID, "0"]]);
    disk.fault = ({ kind, path: at }) =>
      kind === "remove" && at === `${path}.ballast` ? { error: EIO } : undefined;
    await storage.close();
    assertEquals(disk.paths, [path, `${path}.ballast`, `${path}.index`]);
    const again = open();
    await commit(again, [[1, NO_TID, "1"]]);
    assertEquals(texts(again, 2), ["0", "1"]);
    assertEquals(disk.content(`${path}.ballast`).length, MiB);
    disk.fault = () => undefined;
  }));

Deno.test("a crash leaves the ballast, and the next start removes it", () =>
  onDisk(async (place) => {
    const storage = place.open();
    await commit(storage, [[0, NO_TID, "0"]]);
    const left = place.disk.crash({ random: () => 0.999_999 });
    await storage.close();
    place.disk = left;
    const ballast = `${place.path}.ballast`;
    assert(left.paths.includes(ballast));
    await place.open({ readOnly: true }).close();
    assert(left.paths.includes(ballast), "who only reads removes nothing");
    assertEquals(texts(place.open(), 1), ["0"]);
    assert(!left.paths.includes(ballast));
  }));

Deno.test("a transaction that is given up while its room is made frees its objects and the room", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const transaction = begin(storage, 0, ...big);
    const voting = transaction.vote();
    assertEquals(disk.content(`${path}.ballast`).length, MiB, "the first step of many");
    await assertRejects(() => transaction.finish(), StorageTransactionError, "voting");
    transaction.abort();
    assertEquals(disk.paths, [path, `${path}.ballast`, `${path}.index`]);
    await commit(storage, [[0, NO_TID, "0"]]);
    await assertRejects(async () => await voting, StorageTransactionError, "aborted");
    await settle();
    assertEquals(texts(storage, 2), ["0", null]);
    assertEquals(disk.content(`${path}.ballast`).length, MiB, "it has not grown on in vain");
  }));

Deno.test("others are voted while room is made for a big one, and all of them can be finished", () =>
  onDisk(async ({ disk, open }) => {
    const storage = open();
    const first = begin(storage, 10, ...big), second = begin(storage, 0);
    const votes = [first.vote(), second.vote()];
    const third = begin(storage, 1);
    votes.push(third.vote());
    third.abort();
    await Promise.allSettled(votes);
    fill(disk);
    await Promise.all([second.finish(), first.finish()]);
    hasBig(storage, 10);
    assertEquals(texts(storage, 2), ["0", null]);
  }));

Deno.test("a storage that is closed while room is made leaves nothing behind", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const transaction = begin(storage, 0, ...big);
    const voting = transaction.vote();
    await storage.close();
    await voting;
    await assertRejects(() => transaction.finish(), StorageTransactionError, "closed");
    await settle();
    assertEquals(disk.paths, [path, `${path}.index`]);
    assertEquals(disk.openFiles, 0);
  }));

Deno.test("after a big transaction only so much stays held back as makes the next ones fast", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    await commit(storage, big.map((data, id) => [id, NO_TID, data]));
    assertEquals(disk.content(`${path}.ballast`).length, 21 * MiB);
    await commit(storage, [[9, NO_TID, "9"]]);
    assertEquals(disk.content(`${path}.ballast`).length, 16 * MiB);
  }));
