/** The fixtures are what the pinned Python packages write. */

import { assertEquals } from "@std/assert";
import { interopTest, Program } from "./peers.ts";

const fixtures = new URL("../fixtures/", import.meta.url).pathname;

await interopTest("tests/fixtures is what make_fixtures.py writes", async (peers) => {
  await using program = new Program("make_fixtures.py", peers.environment.python, [
    ...[`${fixtures}make_fixtures.py`, peers.folder],
  ], { env: { PYTHONDONTWRITEBYTECODE: "1" } });
  assertEquals((await program.ended).code, 0, program.output);
  for (const { name } of Deno.readDirSync(`${fixtures}filestorage`)) {
    for (const file of Deno.readDirSync(`${fixtures}filestorage/${name}`)) {
      // Answers hold error texts, which differ from one Python to the next; the bytes don't.
      if (file.name === "expected.json") continue;
      const path = `filestorage/${name}/${file.name}`;
      assertEquals(
        Deno.readFileSync(`${peers.folder}/${path}`),
        Deno.readFileSync(`${fixtures}${path}`),
        path,
      );
    }
  }
  const vectors = (folder: string) => Deno.readTextFileSync(`${folder}/wire_vectors.json`);
  assertEquals(vectors(peers.folder), vectors(fixtures));
});
