/** `zeo status`, `check` and `pack` on a server with TLS. */

import { assertEquals, assertMatch } from "@std/assert";
import { FileStorage } from "../../storage/mod.ts";
import { tlsFile, tlsIdentity, tlsText } from "../fixtures/tls/mod.ts";
import { Serving } from "../server/serving.ts";
import { revisions } from "../storage/samples.ts";
import { inFolder, zeo, zeoJson } from "./run.ts";

const CA = ["--ca", tlsFile("server.pem")];
const IDENTITY = ["--certificate", tlsFile("client.pem"), "--key", tlsFile("client.key")];

Deno.test("a server that wants certificates is asked, checked and packed with them", async () => {
  await inFolder(async (folder) => {
    const storage = FileStorage.open(`${folder}/Data.fs`);
    await revisions(storage, 0, ["a", "b", "c"]);
    await using serving = await Serving.start({
      storage,
      tls: { ...tlsIdentity("server"), authenticate: [tlsText("client.pem")] },
    });
    const { port } = serving.address as { port: number };
    const address = `localhost:${port}`, tls = [...CA, ...IDENTITY];
    const report = await zeoJson<Record<string, unknown>>("status", address, ...tls);
    assertEquals(Object.keys(report), ["1"]);
    assertEquals((await zeo("check", address, ...tls)).output, "OK\n");
    const packed = await zeo("pack", "--all", address, ...tls);
    assertEquals([packed.code, packed.messages], [0, ""]);
    assertMatch(packed.output, /:1: packed to /);
    // Without a certificate, without TLS, and with another host name.
    assertEquals((await zeo("status", address, ...CA, "--timeout", "5")).code, 1);
    assertEquals((await zeo("status", address, "--timeout", "1")).code, 1);
    assertEquals((await zeo("pack", address, ...CA, "--timeout", "1")).code, 1);
    const untrusted = await zeo("check", address, "--tls", ...IDENTITY);
    assertEquals(untrusted.code, 2);
    assertMatch(untrusted.output, /certificate/);
  });
});

Deno.test("a certificate for another host is refused, unless that is not to be checked", async () => {
  await using serving = await Serving.start({ tls: tlsIdentity("elsewhere") });
  const { port } = serving.address as { port: number };
  const call = ["status", `localhost:${port}`, "--timeout", "5", "--ca", tlsFile("elsewhere.pem")];
  const refused = await zeo(...call);
  assertEquals(refused.code, 1);
  assertMatch(refused.messages, /elsewhere\.example/);
  assertEquals((await zeo(...call, "--no-check-hostname")).code, 0);
});

Deno.test("a file that is no certificate, or no key of it, is named", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/text`, "no certificate");
    const refusals: readonly (readonly [RegExp, ...string[]])[] = [
      [/--ca .*text: /, "--ca", `${folder}/text`],
      [/--certificate .*text: /, "--certificate", `${folder}/text`],
      [/--key .*other\.key: /, "--certificate", tlsFile("client.pem"), "--key", tlsFile("other.key")],
      [/--key is for a --certificate/, "--key", tlsFile("client.key")],
      [/missing/, "--ca", `${folder}/missing`],
    ];
    for (const [message, ...options] of refusals) {
      const { code, messages } = await zeo("status", "localhost:1", ...options);
      assertEquals(code, 1);
      assertMatch(messages, message);
    }
  });
});
