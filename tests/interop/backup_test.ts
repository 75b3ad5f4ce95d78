/** Backups by `zeo` and by `repozo`, of one file and in one directory. */

import { assert, assertEquals } from "@std/assert";
import { zeo, zeoOutput } from "./operator.ts";
import { interopTest, type PythonSession } from "./peers.ts";

interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly error: string;
}

/** Runs repozo; throws when it doesn't end with 0. */
async function repozo(python: PythonSession, ...args: string[]): Promise<void> {
  const { code, error } = await python.call<Outcome>("tools.repozo", { arguments: args });
  if (code !== 0) throw new Error(`repozo ${args.join(" ")}: exit code ${code}: ${error}`);
}

/** Backups are named by the second: two in one are refused by repozo, and waited for by us. */
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1050));

await interopTest("repozo and zeo continue, check and restore each other's backups", async (peers) => {
  const python = peers.session();
  const path = `${peers.folder}/Data.fs`, directory = `${peers.folder}/backups`;
  await Deno.mkdir(directory);
  await python.call("tools.generate", { path });
  const turns: (() => Promise<unknown>)[] = [
    () => zeoOutput("backup", path, directory),
    () => repozo(python, "-B", "-r", directory, "-f", path),
    () => zeoOutput("backup", "-z", path, directory),
    () => repozo(python, "-B", "-Q", "-z", "-r", directory, "-f", path),
    () => zeoOutput("backup", "-Q", path, directory),
  ];
  for (const [turn, back] of turns.entries()) {
    if (turn > 0) {
      await python.call("tools.add", { path, count: turn });
      await nextSecond();
    }
    await back();
    const files = Array.from(Deno.readDirSync(directory), ({ name }) => name);
    assertEquals(files.filter((name) => name.endsWith(".index")).length, turn + 1, files.join(" "));
    assertEquals(files.filter((name) => /\.deltafsz?$/.test(name)).length, turn, files.join(" "));
  }
  await repozo(python, "-V", "-r", directory);
  await zeoOutput("backup", "--verify", directory);
  await zeoOutput("restore", directory, `${peers.folder}/ours.fs`);
  await repozo(python, "-R", "-w", "-r", directory, "-o", `${peers.folder}/theirs.fs`);
  for (const name of ["ours.fs", "theirs.fs"]) {
    assertEquals(await Deno.readFile(`${peers.folder}/${name}`), await Deno.readFile(path));
    assertEquals(await Deno.readFile(`${peers.folder}/${name}.index`), await Deno.readFile(`${path}.index`));
  }
  assertEquals(await python.call("files.check", { path: `${peers.folder}/ours.fs` }), []);
  await python.call("tools.pack", { path });
  await zeoOutput("backup", "-k", "-z", path, directory);
  await repozo(python, "-V", "-r", directory);
  await repozo(python, "-R", "-r", directory, "-o", `${peers.folder}/packed.fs`);
  assertEquals(await Deno.readFile(`${peers.folder}/packed.fs`), await Deno.readFile(path));
});

await interopTest("S21 a backup that repozo finds damaged, zeo finds damaged", async (peers) => {
  const python = peers.session();
  const path = `${peers.folder}/Data.fs`, directory = `${peers.folder}/backups`;
  await Deno.mkdir(directory);
  await python.call("tools.generate", { path });
  await repozo(python, "-B", "-r", directory, "-f", path);
  await python.call("tools.add", { path, count: 1 });
  await nextSecond();
  await repozo(python, "-B", "-z", "-r", directory, "-f", path);
  for (const { name } of Deno.readDirSync(directory)) {
    if (name.endsWith(".index")) continue;
    const file = `${directory}/${name}`, sound = await Deno.readFile(file);
    const damages: (() => Promise<void>)[] = [
      () => Deno.remove(file),
      () => Deno.truncate(file, sound.length - 9),
      () => Deno.writeFile(file, sound.with(sound.length - 12, sound[sound.length - 12] ^ 1)),
    ];
    for (const damage of damages) {
      await damage();
      const theirs = await python.call<Outcome>("tools.repozo", { arguments: ["-V", "-r", directory] });
      const ours = await zeo("restore", directory, `${peers.folder}/restored.fs`);
      assertEquals([theirs.code !== 0, ours.code], [true, 1], `${name}: ${theirs.error}`);
      await Deno.writeFile(file, sound);
    }
  }
  await zeoOutput("backup", "--verify", directory);
});

await interopTest("a hot backup under load, restored, is the state after some transaction", async (peers) => {
  const python = peers.session(), writer = peers.session();
  const path = `${peers.folder}/Data.fs`, directory = `${peers.folder}/backups`;
  await Deno.mkdir(directory);
  await using server = await peers.start();
  const { address } = server;
  await writer.call("tools.load", { address, count: 5 });
  let done = false;
  const loading = writer.call("tools.load", { address, count: 1500 }).finally(() => done = true);
  // What goes wrong is told when it is waited for.
  loading.catch(() => {});
  const sizes: number[] = [];
  for (let turn = 0; turn < 3 || !done && turn < 5; turn++) {
    const target = `${peers.folder}/restored-${turn}.fs`;
    await zeoOutput("backup", path, directory, ...turn % 2 ? ["-z"] : []);
    await zeoOutput("restore", directory, target);
    sizes.push((await Deno.stat(target)).size);
    assertEquals(await python.call("files.check", { path: target }), []);
  }
  await loading;
  assertEquals((await server.stop()).code, 0);
  const last = await Deno.readFile(path);
  for (const [turn, size] of sizes.entries()) {
    const restored = await Deno.readFile(`${peers.folder}/restored-${turn}.fs`);
    assertEquals(restored.length, size);
    assertEquals(restored, last.slice(0, size));
  }
  assert(sizes[0] < sizes.at(-1)! && sizes[0] < last.length, `${sizes}`);
});
