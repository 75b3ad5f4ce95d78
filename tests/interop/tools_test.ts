/** The operator's tools beside the original's, on the same files. */

import { assert, assertEquals } from "@std/assert";
import { zeo, zeoOutput } from "./operator.ts";
import { interopTest, type Peers, type PythonSession } from "./peers.ts";

/** A file by Python as it is, and another one that was packed. */
async function files(peers: Peers, python: PythonSession): Promise<string[]> {
  const path = `${peers.folder}/Data.fs`, packed = `${peers.folder}/packed.fs`;
  await python.call("tools.generate", { path });
  await Deno.copyFile(path, packed);
  await python.call("tools.pack", { path: packed });
  await python.call("tools.add", { path: packed, count: 2 });
  return [path, packed];
}

await interopTest("dump, tail and stats print what fsdump, fstail and analyze print", async (peers) => {
  const python = peers.session();
  for (const path of await files(peers, python)) {
    assertEquals(await zeoOutput("dump", path), await python.call("tools.fsdump", { path }));
    for (const count of [3, 100]) {
      const expected = await python.call("tools.fstail", { path, count });
      assertEquals(await zeoOutput("tail", "-n", `${count}`, path), expected);
    }
    assertEquals(await zeoOutput("stats", path), await python.call("tools.analyze", { path }));
  }
});

await interopTest("trace-oid prints what fsoids prints", async (peers) => {
  const python = peers.session();
  for (const path of await files(peers, python)) {
    const dumped = (await zeoOutput("dump", "--json", path)).trimEnd().split("\n");
    const oids = [...new Set(dumped.flatMap((line) => line.match(/"oid":"(0x[0-9a-f]+)"/g) ?? []))]
      .map((match) => match.slice(7, -1));
    assert(oids.length > 10, `${oids}`);
    assertEquals(
      await zeoOutput("trace-oid", path, ...oids),
      await python.call("tools.fsoids", { path, oids }),
    );
  }
});

await interopTest(
  "verify finds the dangling references that fsrefs finds, and lists what fstest lists",
  async (peers) => {
    const python = peers.session();
    for (const path of await files(peers, python)) {
      const fstest = await python.call<{ code: number; output: string }>("tools.fstest", { path });
      const listed = await zeo("verify", "-vv", path);
      assertEquals([fstest.code, listed.code], [0, 0]);
      const lines = (text: string) =>
        text.split("\n").filter((line) => /^ *\d+: (object|transaction) /.test(line));
      assertEquals(lines(listed.output), lines(fstest.output));
      const { code, output } = await zeo("verify", "--references", path);
      assertEquals(code, 1);
      const ours = output.matchAll(/: reference: (0x\w+) refers to (0x\w+)/g);
      const found = Array.from(ours, ([, from, to]) => `${Number(from)} ${Number(to)}`).sort();
      assertEquals(found, dangling(await python.call<string>("tools.fsrefs", { path })));
      assert(found.length >= 2, `${found}`);
    }
  },
);

/** What fsrefs found: an object, and below it those that it refers to and that are not there. */
function dangling(output: string): string[] {
  const found: string[] = [];
  let from = 0;
  for (const line of output.split("\n")) {
    const match = /^(\t?)oid (0x[0-9a-f]+) /.exec(line);
    if (!match) continue;
    if (match[1] === "") from = Number(match[2]);
    else found.push(`${from} ${Number(match[2])}`);
  }
  return found.sort();
}

await interopTest(
  "recover saves at least what fsrecover saves, and Python finds the file sound",
  async (peers) => {
    const python = peers.session();
    const path = `${peers.folder}/Data.fs`;
    await python.call("tools.generate", { path });
    const dumped: { position: number }[] = (await zeoOutput("dump", "--json", path)).trimEnd().split("\n")
      .map((line) => JSON.parse(line));
    const sound = await Deno.readFile(path);
    const hits: readonly (readonly [transaction: number, offset: number])[] = [[2, 9], [4, 18], [6, 16], [
      7,
      -3,
    ]];
    for (const [number, [transaction, offset]] of hits.entries()) {
      const file = sound.slice();
      file[dumped[transaction].position + offset] ^= 0x41;
      await Deno.writeFile(`${peers.folder}/damaged.fs`, file);
      const verified = await zeo("verify", `${peers.folder}/damaged.fs`);
      assertEquals(verified.code, 1, `${number}: ${verified.output}`);
      const [ours, theirs] = [`${peers.folder}/ours-${number}.fs`, `${peers.folder}/theirs-${number}.fs`];
      await zeoOutput("recover", `${peers.folder}/damaged.fs`, ours);
      await python.call("tools.fsrecover", { path: `${peers.folder}/damaged.fs`, target: theirs });
      assertEquals(await python.call("files.check", { path: ours }), []);
      type Listing = [tid: string, ...unknown[]][];
      const saved = await python.call<Listing>("files.listing", { path: ours });
      const tids = saved.map(([tid]) => tid);
      for (const [tid] of await python.call<Listing>("files.listing", { path: theirs })) {
        assert(tids.includes(tid), `${tid} of ${number}`);
      }
    }
  },
);

await interopTest("a copied file has for Python all that the original has", async (peers) => {
  const python = peers.session();
  for (const path of await files(peers, python)) {
    const target = `${path}.copy`;
    // The packed file's blobs are the other one's.
    const blobs = path.endsWith("Data.fs")
      ? ["--from-blobs", `${path}-blobs`, "--to-blobs", `${target}-blobs`]
      : ["--without-blobs"];
    await zeoOutput("copy", ...blobs, path, target);
    assertEquals(
      await python.call("files.listing", { path: target }),
      await python.call("files.listing", { path }),
    );
    assertEquals(await python.call("files.check", { path: target }), []);
  }
});

await interopTest("a file that a server has open can be looked at and copied", async (peers) => {
  const python = peers.session();
  const path = `${peers.folder}/Data.fs`;
  await python.call("tools.generate", { path });
  for (const kind of ["runzeo", "zeo"] as const) {
    await using server = await peers.start({ kind: kind === "zeo" ? undefined : kind });
    await python.call("tools.load", { address: server.address, count: 5 });
    assertEquals(await zeoOutput("dump", path), await python.call("tools.fsdump", { path }));
    await zeoOutput("verify", path);
    await zeoOutput("copy", "--without-blobs", path, `${peers.folder}/Copy-${kind}.fs`);
    assertEquals((await zeo("copy", `${peers.folder}/Copy-${kind}.fs`, path)).code, 1);
    assertEquals((await server.stop()).code, 0);
  }
});
