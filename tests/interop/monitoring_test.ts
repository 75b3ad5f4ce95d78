/** `zeo check`, `zeo status` and `zeo pack` beside `zeo-nagios` and `zeopack`. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { zeo, zeoOutput } from "./operator.ts";
import { interopTest, type Peers } from "./peers.ts";

interface Outcome {
  readonly code: number;
  readonly output: string;
}

const storagesIn = (folder: string) =>
  `<filestorage 1>\n  path ${folder}/Data.fs\n</filestorage>\n` +
  `<filestorage second>\n  path ${folder}/Second.fs\n</filestorage>\n`;

/** Numbers that depend on when they were asked for. */
const withoutRates = (output: string) =>
  output.split("\n").map((line) => line.replace(/=(?:\d+\.\d+|\d+e[-+]\d+)$/, "=rate"));

async function port(peers: Peers): Promise<{ address: readonly [string, number] | string; text: string }> {
  const { address } = await peers.start({ storages: storagesIn(peers.folder) });
  return { address, text: typeof address === "string" ? address : address.join(":") };
}

await interopTest("check prints what zeo-nagios prints, and ends as it does", async (peers) => {
  const python = peers.session();
  const { address, text } = await port(peers);
  const compare = async (...options: string[]) => {
    const theirs = await python.call<Outcome>("tools.program", {
      name: "zeo-nagios",
      arguments: [...options.map((option) => option.replace("FILE", `${peers.folder}/theirs`)), text],
    });
    const ours = await zeo(
      "check",
      ...options.map((option) => option.replace("FILE", `${peers.folder}/ours`)),
      text,
    );
    assertEquals(withoutRates(ours.output), withoutRates(theirs.output), options.join(" "));
    assertEquals(ours.code, theirs.code, options.join(" "));
    return ours;
  };
  assertEquals((await compare()).code, 1);
  assertEquals((await compare("-m")).code, 1);
  await python.call("tools.commit", { address, name: "1", count: 1 });
  assertEquals((await compare()).output, "Empty storage 'second'\n");
  await python.call("tools.commit", { address, name: "second", count: 1 });
  assertEquals((await compare()).output, "OK\n");
  await compare("-m", "-s", "FILE");
  await python.call("tools.commit", { address, name: "1", count: 3 });
  const { output } = await compare("-m", "-s", "FILE", "-u", "hours");
  assertMatch(output, /^ commits=\d{3,}\.\d+$/m);
  assertMatch(output, /^ second:commits=0\.0$/m);
  const nobody = await python.call<Outcome>("tools.program", {
    name: "zeo-nagios",
    arguments: [`${peers.folder}/nosocket`],
  });
  const ours = await zeo("check", `${peers.folder}/nosocket`);
  assertEquals([ours.code, ours.output], [nobody.code, nobody.output]);
});

await interopTest("status shows all that the server says", async (peers) => {
  const { text } = await port(peers);
  const report = JSON.parse(await zeoOutput("status", "--json", text));
  assertEquals(Object.keys(report), ["1", "second"]);
  const shown = await zeoOutput("status", text);
  for (const key of Object.keys(report.second)) assert(shown.includes(`  ${key} `), key);
  assertEquals((await zeo("status", `${peers.folder}/nosocket`)).code, 1);
});

await interopTest("pack drops what zeopack drops", async (peers) => {
  const python = peers.session();
  const { address, text } = await port(peers);
  for (const name of ["1", "second"]) await python.call("tools.commit", { address, name, count: 5 });
  const sizes = () => ["Data.fs", "Second.fs"].map((name) => Deno.statSync(`${peers.folder}/${name}`).size);
  const [before] = sizes();
  const dry = await zeoOutput("pack", "--all", "--dry-run", text);
  assertEquals(dry.trimEnd().split("\n").length, 2);
  await zeoOutput("pack", "--days", "1", text);
  assertEquals(sizes(), [before, before]);
  assertMatch(
    await zeoOutput("pack", text),
    new RegExp(`^${text}:1: packed to .*Z: .* before, .* after`),
  );
  const { code } = await python.call<Outcome>("tools.program", {
    name: "zeopack",
    arguments: ["-d", "0", `${text}:second`],
  });
  assertEquals(code, 0);
  const [ours, theirs] = sizes();
  assertEquals(ours, theirs);
  assert(ours < before, `${ours} ${before}`);
  const failed = await zeo("pack", "--timeout", "2", `${text}:third`, `${text}:1`);
  assertEquals(failed.code, 1);
  assertMatch(failed.messages, /third/);
  assertMatch(failed.output, /:1: /);
});
