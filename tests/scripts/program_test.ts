/** `zeo` as a program: signals, and readers that go away. */

import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { FileStorage } from "../../storage/mod.ts";
import { fileStorageFixture } from "../fixtures/mod.ts";
import { revisions } from "../storage/samples.ts";
import { inFolder } from "./run.ts";

/** The command line as a program of its own. */
function program(...args: string[]): Deno.Command {
  const script = fromFileUrl(new URL("../../scripts/zeo.ts", import.meta.url));
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", "-A", script, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

Deno.test("a list that nobody reads on ends quietly, whatever is printed", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/Data.fs`;
    {
      await using storage = FileStorage.open(path);
      await revisions(storage, 0, Array.from({ length: 3000 }, (_, step) => `revision ${step}`));
    }
    for (const args of [["verify", "-vv", path], ["dump", path], ["dump", "--json", path]]) {
      const listing = program(...args).spawn();
      const reader = listing.stdout.getReader();
      await reader.read();
      await reader.cancel();
      const messages = await new Response(listing.stderr).text();
      assertEquals([(await listing.status).code, messages], [0, ""], args.join(" "));
    }
  });
});

Deno.test("work is finished though nobody reads its messages", async () => {
  await inFolder(async (folder) => {
    const path = fileStorageFixture("torn_record_data").copyTo(folder);
    const copying = program("copy", path, `${folder}/Copy.fs`).spawn();
    await copying.stderr.cancel();
    const output = await new Response(copying.stdout).text();
    assertMatch(output, /Copy\.fs: 3 transactions/);
    assertEquals((await copying.status).code, 0);
  });
});

Deno.test("a pack that is interrupted ends with 130, and the servers after it are left alone", async () => {
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = ({ port }: Deno.NetAddr) => `127.0.0.1:${port}`;
  const packing = program("pack", address(mute.addr as Deno.NetAddr), address(other.addr as Deno.NetAddr))
    .spawn();
  using _connection = await mute.accept();
  packing.kill("SIGINT");
  const [output, messages] = await Promise.all(
    [packing.stdout, packing.stderr].map((stream) => new Response(stream).text()),
  );
  assertEquals([(await packing.status).code, output, messages], [130, "", "zeo: interrupted\n"]);
});
