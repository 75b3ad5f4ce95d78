/** `zeo export`, `zeo import` and `zeo shell`. */

import { assertEquals, assertMatch } from "@std/assert";
import { Evaluator, isUnfinished } from "../../scripts/evaluator.ts";
import { main } from "../../scripts/zeo.ts";
import { FileStorage } from "../../storage/mod.ts";
import { concatBytes } from "../../values/mod.ts";
import { Blob, DB, PersistentMap } from "../../zodb/mod.ts";
import { Serving } from "../server/serving.ts";
import { inFolder, names, type Run, zeo } from "./run.ts";

async function makeDatabase(path: string): Promise<void> {
  await using db = await DB.open(path);
  await db.transaction(async ({ root }) => {
    const inner = new PersistentMap<string, unknown>();
    inner.set("text", "of the inner one");
    const outer = new PersistentMap<string, unknown>();
    outer.set("inner", inner);
    await root.set("outer", outer);
  });
}

async function oidOf(path: string, name: string): Promise<string> {
  await using db = await DB.open(path);
  await using connection = db.open();
  return `0x${(await connection.root.get<PersistentMap<string, unknown>>(name))!._p_oid!.toString(16)}`;
}

async function innerText(path: string, name: string): Promise<unknown> {
  await using db = await DB.open(path);
  await using connection = db.open();
  const outer = await connection.root.get<PersistentMap<string, unknown>>(name);
  return (await outer!.get("inner") as PersistentMap<string, unknown>).get("text");
}

Deno.test("what is exported from one database is imported into another, under new ids", async () => {
  await inFolder(async (folder) => {
    const from = `${folder}/From.fs`, to = `${folder}/To.fs`, file = `${folder}/outer.zexp`;
    await makeDatabase(from);
    await makeDatabase(to);
    const id = await oidOf(from, "outer");
    const exported = await zeo("export", from, id, file);
    assertMatch(exported.output, /outer\.zexp: 0x[0-9a-f]+ and what it refers to, \d+ bytes/);
    const again = await zeo("export", from, id, file);
    assertEquals([again.code, /is there already/.test(again.messages)], [1, true]);
    const before = await Deno.readFile(to);
    const dry = await zeo("import", to, file, "--at", "copy", "--dry-run");
    assertMatch(dry.output, /would import .*outer\.zexp as copy/);
    const taken = await zeo("import", to, file, "--at", "outer");
    assertMatch(taken.messages, /has "outer" already/);
    assertEquals(await Deno.readFile(to), before);
    assertEquals((await zeo("import", to, file, "--at", "copy")).code, 0);
    assertEquals(await innerText(to, "copy"), "of the inner one");
    assertEquals(await innerText(to, "outer"), "of the inner one");
    assertEquals(await oidOf(to, "copy") === await oidOf(to, "outer"), false);
  });
});

Deno.test("an export that fails leaves no file, and what is no export changes nothing", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/Data.fs`;
    await makeDatabase(path);
    const missing = await zeo("export", path, "0x999", `${folder}/missing.zexp`);
    assertEquals([missing.code, missing.messages], [1, "zeo: no such object: 0x0999\n"]);
    assertEquals(names(folder).includes("missing.zexp"), false);
    assertEquals((await zeo("export", path, "one", `${folder}/one.zexp`)).code, 2);
    await Deno.writeTextFile(`${folder}/text.zexp`, "no export");
    const before = await Deno.readFile(path);
    const wrong = await zeo("import", path, `${folder}/text.zexp`, "--at", "x");
    assertEquals(wrong.code, 1);
    assertMatch(wrong.messages, /text\.zexp: invalid export header: expected ZEXP/);
    assertEquals((await zeo("import", path, `${folder}/text.zexp`)).code, 2);
    assertEquals((await zeo("import", `${folder}/new.fs`, `${folder}/none.zexp`, "--at", "x")).code, 1);
    assertEquals(names(folder).includes("new.fs"), false);
    assertEquals(await Deno.readFile(path), before);
  });
});

Deno.test("an export that is interrupted leaves no file, and can be made again", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/Data.fs`, file = `${folder}/all.zexp`;
    await makeDatabase(path);
    const quiet = { terminal: false, write: () => {} }, signal = AbortSignal.abort(new Error("enough"));
    assertEquals(await main(["export", path, "root", file], { output: quiet, messages: quiet, signal }), 1);
    assertEquals(names(folder).filter((name) => name.includes("zexp")), []);
    assertEquals((await zeo("export", path, "root", file)).code, 0);
    assertEquals(names(folder).filter((name) => name.includes("zexp")), ["all.zexp"]);
  });
});

Deno.test("contents of blobs are never left behind by an export or an import", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/Data.fs`, blobs = `${folder}/blobs`, file = `${folder}/all.zexp`;
    const other = `${folder}/Other.fs`;
    {
      await using db = await DB.open(FileStorage.open(path, { blobDir: blobs }));
      await db.transaction(async ({ root }) => root.set("letter", await Blob.from("Dear Ann")));
    }
    await makeDatabase(other);
    const without = await zeo("export", path, "root", file);
    assertEquals(without.code, 1);
    assertMatch(without.messages, /0x01 is a blob, and there is no blob directory .*; --blob-dir gives one/);
    assertEquals((await zeo("export", "--blob-dir", blobs, path, "root", file)).code, 0);
    const nowhere = await zeo("import", other, file, "--at", "copy");
    assertEquals(nowhere.code, 1);
    assertMatch(nowhere.messages, /has blobs, the storage keeps none; --blob-dir gives/);
    // As Python's exports are that were made without the blobs.
    const bytes = await Deno.readFile(file),
      mark = new TextDecoder("latin1").decode(bytes).indexOf("\0BLOBSTART");
    const left = concatBytes(bytes.subarray(0, mark), bytes.subarray(bytes.length - 16));
    await Deno.writeFile(`${folder}/left.zexp`, left);
    const half = await zeo(
      "import",
      other,
      `${folder}/left.zexp`,
      "--at",
      "copy",
      "--blob-dir",
      `${folder}/b`,
    );
    assertEquals(half.code, 1);
    assertMatch(half.messages, /left\.zexp: blob 0x01: its contents are not in the file/);
  });
});

Deno.test("a Data.fs that isn't there is not made by a shell or an import", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/Data.fs`, file = `${folder}/all.zexp`;
    await makeDatabase(path);
    await zeo("export", path, "root", file);
    const there = names(folder), typo = `${folder}/Dato.fs`;
    for (const args of [["shell", typo], ["import", typo, file, "--at", "x"]]) {
      const { code, messages } = await zeo(...args);
      assertEquals([code, /Dato\.fs: no such file/.test(messages)], [1, true]);
    }
    assertEquals(names(folder), there);
  });
});

Deno.test("an empty file is said to have no root object, and nothing to back up", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/empty.fs`, "");
    const saved = await zeo("backup", `${folder}/empty.fs`, folder);
    assertEquals([saved.code, saved.messages], [
      1,
      `zeo: ${folder}/empty.fs: is empty, there is nothing to back up\n`,
    ]);
    const { code, messages } = await zeo("shell", "--read-only", `${folder}/empty.fs`);
    assertEquals([code, messages], [1, `zeo: ${folder}/empty.fs: has no root object, and is read-only\n`]);
  });
});

Deno.test("export, import and copy take a server's address or URI for a storage", async () => {
  await inFolder(async (folder) => {
    const from = `${folder}/From.fs`, file = `${folder}/outer.zexp`;
    await makeDatabase(from);
    await using serving = await Serving.start({ storage: "file" });
    const { port } = serving.address as { port: number };
    assertEquals((await zeo("export", from, await oidOf(from, "outer"), file)).code, 0);
    const imported = await zeo("import", `127.0.0.1:${port}`, file, "--at", "outer");
    assertEquals(imported.messages, "");
    const back = `${folder}/Back.fs`;
    const copied = await zeo("copy", `zeo://127.0.0.1:${port}/1?wait_timeout=5`, back);
    assertEquals(copied.messages, "");
    assertEquals(await innerText(back, "outer"), "of the inner one");
    // By a configuration, and to an empty server.
    await using empty = await Serving.start({ storage: "file" });
    const client = ({ port }: { port: number }) => `server 127.0.0.1:${port}\n  wait-timeout 5`;
    await Deno.writeTextFile(
      `${folder}/servers.conf`,
      `%import ZEO\n<clientstorage source>\n  ${client({ port })}\n</clientstorage>\n` +
        `<clientstorage destination>\n  ${client(empty.address as { port: number })}\n</clientstorage>\n`,
    );
    const converted = await zeo("copy", `${folder}/servers.conf`);
    assertEquals([converted.code, converted.messages], [0, ""]);
    const again = `${folder}/Again.fs`;
    assertEquals((await zeo("copy", `${folder}/servers.conf#destination`, again)).code, 0);
    assertEquals(await Deno.readFile(again), await Deno.readFile(back));
  });
});

const program = new URL("../../scripts/zeo.ts", import.meta.url).pathname;

/** Runs `zeo shell` with something to read. */
async function shell(input: string, ...args: string[]): Promise<Run> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", "--allow-write", "--allow-net", program, "shell", ...args],
    env: { NO_COLOR: "1" },
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout), messages: text.decode(stderr) };
}

Deno.test("what is typed into a shell changes the database when it is committed", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/Data.fs`;
    await makeDatabase(path);
    const typed = await shell(
      `const outer = await root.get("outer")
const inner = await load(await outer.get("inner"))
inner.get("text")
inner.set("text",
  "another one")
commit()
root.set("lost", 1)
`,
      path,
    );
    assertEquals([typed.code, typed.messages], [0, "zeo: what was not committed is taken back\n"]);
    assertMatch(typed.output, /^"of the inner one"$/m);
    assertEquals(await innerText(path, "outer"), "another one");
    const looked = await shell("root.keys()\nroot.set('x', 1); commit()\n", "--read-only", path);
    assertEquals([looked.code, looked.output], [1, '[ "outer" ]\n']);
    assertMatch(looked.messages, /ReadOnly/);
  });
});

Deno.test("without a terminal a shell ends at the first line that fails, and nothing of it is stored", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/Data.fs`;
    await makeDatabase(path);
    const { code, messages } = await shell("root.set('x', 1)\nnonsense\ncommit()\n", path);
    assertEquals(code, 1);
    assertMatch(messages, /^zeo: ReferenceError: nonsense is not defined$/m);
    assertEquals((await shell("root.keys()", path)).output, '[ "outer" ]\n');
    assertEquals((await shell("1 +\n\n", path)).code, 1);
  });
});

Deno.test("variables, functions and classes stay from line to line, and promises are waited for", async () => {
  const evaluator = new Evaluator({ slowly: (value: unknown) => Promise.resolve(value) });
  const steps: readonly (readonly [string, unknown])[] = [
    ["1 + 1;", 2],
    ["_ * 2", 4],
    ["slowly(5)", 5],
    ["const a = await slowly(6)", 6],
    ["let { b, c: [d] } = { b: 7, c: [8] }", { b: 7, c: [8] }],
    ["a + b + d", 21],
    ["let nothing", undefined],
    ["typeof nothing", "undefined"],
    ["function twice(x) {\n  return 2 * x;\n}", undefined],
    ["class Point { x = 3 }", undefined],
    ["twice(new Point().x)", 6],
    ["{ a: 1 }", { a: 1 }],
    ["let sum = 0; for (const each of [1, 2]) sum += each; sum", 3],
    ["if (sum > 2) sum = 9; else sum = 1", undefined],
    ["sum", 9],
    ["'a;b'; `c;${ ';' }`", "c;;"],
  ];
  for (const [code, expected] of steps) {
    const value = await evaluator.run(code);
    if (typeof value !== "function") assertEquals(value, expected, code);
  }
});

Deno.test("a line that leaves something open goes on in the next one", () => {
  for (const code of ["f(", "{", "[1,", "`a\n", "`${", "/* a", "f('(', (", "x = { // }"]) {
    assertEquals(isUnfinished(code), true, code);
  }
  for (
    const code of ["f()", "'('", '"it\'s ("', "`(`", "// (", "/* ( */", "}", "'open", "`${ `}` }`", "a;"]
  ) {
    assertEquals(isUnfinished(code), false, code);
  }
});
