/** The blob directory: layouts, names, what a crash has left, files that shared clients bring. */

import { assertEquals, assertThrows } from "@std/assert";
import { removeStrays } from "../../../storage/blob/removal.ts";
import { BlobDirectory } from "../../../storage/mod.ts";
import { oid, POSKeyError, StorageError, tid } from "../../../values/mod.ts";
import { filesBelow, inFolder } from "./folders.ts";

const x = oid(0x102), t = tid(0x040d2eb1cd7472ddn);
const BUSHY = "0x00/0x00/0x00/0x00/0x00/0x00/0x01/0x02/0x040d2eb1cd7472dd.blob";

function put(path: string, text: string): void {
  Deno.mkdirSync(path.replace(/\/[^/]+$/, ""), { recursive: true });
  Deno.writeTextFileSync(path, text);
}

Deno.test("a new blob directory is bushy, says so, and is made with all that belongs to it", () =>
  inFolder((folder) => {
    const path = `${folder}/some/where/blobs`;
    const directory = BlobDirectory.open(path);
    assertEquals(directory.layout, "bushy");
    assertEquals(Deno.readTextFileSync(`${path}/.layout`), "bushy");
    assertEquals(directory.pathOf(x, t), `${path}/${BUSHY}`);
    assertEquals(directory.temporaryDirectory, `${path}/tmp`);
    assertEquals(BlobDirectory.open(path).layout, "bushy");
  }));

Deno.test("the marker decides the layout, white space around it is no matter", () =>
  inFolder((folder) => {
    put(`${folder}/.layout`, "lawn\n");
    const directory = BlobDirectory.open(folder);
    assertEquals(directory.layout, "lawn");
    assertEquals(directory.pathOf(x, t), `${folder}/0x0102/0x040d2eb1cd7472dd.blob`);
    assertEquals(directory.pathOf(oid(0), tid(5)), `${folder}/0x00/0x05.blob`);
    assertEquals(directory.pathOf(oid(0), tid(0)), `${folder}/0x00/0x00.blob`);
  }));

Deno.test("a directory with files and without a marker is a lawn; one with hidden files only is new", () =>
  inFolder((folder) => {
    put(`${folder}/old/0x01/0x040d2eb1cd7472dd.blob`, "old");
    assertEquals(BlobDirectory.open(`${folder}/old`).layout, "lawn");
    put(`${folder}/new/.keep`, "");
    assertEquals(BlobDirectory.open(`${folder}/new`).layout, "bushy");
  }));

Deno.test("a layout that is unknown, or not the one that was asked for, is refused", () =>
  inFolder((folder) => {
    put(`${folder}/a/.layout`, "zeocache");
    assertThrows(() => BlobDirectory.open(`${folder}/a`), StorageError, "expected bushy or lawn");
    put(`${folder}/b/.layout`, "lawn");
    assertThrows(
      () => BlobDirectory.open(`${folder}/b`, { layout: "bushy" }),
      StorageError,
      `Directory layout \`bushy\` selected for blob directory ${folder}/b, but marker found for layout \`lawn\``,
    );
    assertEquals(BlobDirectory.open(`${folder}/c`, { layout: "lawn" }).layout, "lawn");
  }));

Deno.test("a directory that is opened to read is not made and not changed", () =>
  inFolder((folder) => {
    const directory = BlobDirectory.open(`${folder}/blobs`, { readOnly: true });
    assertEquals([...Deno.readDirSync(folder)], []);
    assertThrows(() => directory.load(x, t), POSKeyError, `No blob file at ${folder}/blobs/${BUSHY}`);
  }));

Deno.test("only a file is a blob: no link, no directory", () =>
  inFolder((folder) => {
    const directory = BlobDirectory.open(folder);
    put(`${folder}/secret`, "secret");
    Deno.mkdirSync(directory.directoryOf(x), { recursive: true });
    Deno.symlinkSync(`${folder}/secret`, directory.pathOf(x, t));
    assertThrows(() => directory.load(x, t), POSKeyError);
    Deno.mkdirSync(directory.pathOf(x, tid(7)));
    assertThrows(() => directory.load(x, tid(7)), POSKeyError);
  }));

Deno.test("what a crash has left is swept; what others have in tmp stays for a day", () =>
  inFolder((folder) => {
    const directory = BlobDirectory.open(folder);
    const known = tid(5), unknown = tid(6);
    put(directory.pathOf(x, known), "known");
    put(directory.pathOf(x, unknown), "unknown");
    put(directory.pathOf(oid(3), unknown), "lost");
    for (const [id, revision] of [[x, known], [x, unknown], [oid(3), unknown]] as const) {
      put(directory.placingPath(id, revision), "");
    }
    put(directory.temporaryPath("upload"), "half");
    put(directory.temporaryPath("voted", x), "");
    put(`${folder}/tmp/BUC_a1b2c3d`, "a client's");
    put(`${folder}/tmp/tmpa1b2c3d4`, "a dead server's");
    put(`${folder}/tmp/something`, "no idea whose");
    const old = Date.now() / 1000 - 2 * 86400;
    for (const name of ["tmpa1b2c3d4", "something"]) Deno.utimeSync(`${folder}/tmp/${name}`, old, old);
    directory.sweep((id, revision) => id === x && revision === known);
    assertEquals(filesBelow(folder), {
      "0x00/0x00/0x00/0x00/0x00/0x00/0x01/0x02/0x05.blob": "known",
      "tmp/BUC_a1b2c3d": "a client's",
      "tmp/something": "no idea whose",
    });
    // The directories of what was lost are gone too.
    assertEquals([...Deno.readDirSync(`${folder}/0x00/0x00/0x00/0x00/0x00/0x00`)].map(({ name }) => name), [
      "0x01",
    ]);
  }));

Deno.test("a shared client's file is taken from beside the revisions", () =>
  inFolder((folder) => {
    const directory = BlobDirectory.open(folder);
    put(`${directory.directoryOf(x)}/0x00_hpl3rzz.tmp-`, "shared");
    const path = directory.takeShared(x, "0x00_hpl3rzz.tmp-");
    assertEquals(path.startsWith(`${folder}/tmp/`), true);
    assertEquals(Deno.readTextFileSync(path), "shared");
    assertEquals([...Deno.readDirSync(directory.directoryOf(x))], []);
  }));

Deno.test("V02: a shared client's file name can't be that of any other file", () =>
  inFolder((folder) => {
    const directory = BlobDirectory.open(`${folder}/blobs`);
    put(`${folder}/secret.tmp`, "secret");
    put(`${directory.directoryOf(x)}/mine.blob`, "mine");
    Deno.symlinkSync(`${folder}/secret.tmp`, `${directory.directoryOf(x)}/link.tmp`);
    Deno.mkdirSync(`${directory.directoryOf(x)}/folder.tmp`);
    const up = "../".repeat(9);
    for (
      const name of [
        ...[`${up}secret.tmp`, "/etc/passwd", "mine.blob", "", ".tmp", "a.tmp--", "..", "a\0.tmp"],
        ...["a/b.tmp", "a\\b.tmp", "a.tmp/", "a.tmp\0", "a".repeat(300) + ".tmp", "a.TMP"],
      ]
    ) assertThrows(() => directory.takeShared(x, name), RangeError, "expected a plain name");
    for (const name of ["link.tmp", "folder.tmp", "nothing.tmp"]) {
      assertThrows(() => directory.takeShared(x, name), StorageError, "expected a blob's file");
    }
    assertEquals(Deno.readTextFileSync(`${folder}/secret.tmp`), "secret");
    // A link in place of the object's directory is no way out either.
    Deno.mkdirSync(`${directory.path}/0x00/0x00/0x00/0x00/0x00/0x00/0x00`, { recursive: true });
    Deno.symlinkSync(folder, directory.directoryOf(oid(9)));
    assertThrows(() => directory.takeShared(oid(9), "secret.tmp"), StorageError, "expected a blob's file");
    assertEquals(Deno.readTextFileSync(`${folder}/secret.tmp`), "secret");
  }));

Deno.test("all revisions with files are found, in both layouts, also under names with one digit", () =>
  inFolder((folder) => {
    for (const layout of ["bushy", "lawn"] as const) {
      const directory = BlobDirectory.open(`${folder}/${layout}`, { layout });
      for (const [id, revision] of [[1, 0x300], [1, 0x20], [0xffff_ffff, 0x1]] as const) {
        put(directory.pathOf(oid(id), tid(revision)), "");
      }
      put(`${directory.directoryOf(oid(1))}/0x00_abc.tmp`, "");
      put(`${directory.path}/notes/0x01.blob`, "");
      const found = [...directory.entries()].map(({ oid, tids }) => [Number(oid), tids.map(Number)]);
      assertEquals(found.sort(([a], [b]) => Number(a) - Number(b)), [[1, [0x20, 0x300]], [0xffff_ffff, [1]]]);
    }
    put(`${folder}/one/0x0/0x0/0x0/0x0/0x0/0x0/0x0/0x9/0x05.blob`, "");
    put(`${folder}/one/.layout`, "bushy");
    assertEquals([...BlobDirectory.open(`${folder}/one`).entries()], [{ oid: oid(9), tids: [tid(5)] }]);
  }));

Deno.test("a revision whose record is just being written is no stray", () =>
  inFolder(async (folder) => {
    const directory = BlobDirectory.open(folder), nobody = () => false;
    const path = directory.pathOf(x, t), stray = directory.pathOf(oid(7), t);
    put(path, "being written");
    put(stray, "stray");
    directory.markPlacing(path, true);
    await removeStrays(directory, nobody);
    assertEquals([directory.has(x, t), directory.has(oid(7), t)], [true, false]);
    directory.markPlacing(path, false);
    await removeStrays(directory, nobody);
    assertEquals(directory.has(x, t), false);
  }));
