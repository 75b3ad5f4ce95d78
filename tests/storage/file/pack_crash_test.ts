/**
 * Processes that are killed while they pack.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FileStorage, realDisk } from "../../../storage/mod.ts";
import { current, fill, linked, now, reachable } from "./pack_samples.ts";

const child = new URL("./pack_crash_child.ts", import.meta.url).pathname;

/** Packs in another process until that dies; answers what it acknowledged, and whether it came to its end. */
async function packIn(
  path: string,
  step: number,
  keepOld: boolean,
): Promise<{ said: string[]; ended: boolean }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", child, path, `${step}`, `${keepOld}`],
    stdout: "piped",
    stderr: "piped",
  });
  const { success, signal, stdout, stderr } = await command.output();
  assert(success || signal === "SIGKILL", new TextDecoder().decode(stderr));
  return { said: new TextDecoder().decode(stdout).trim().split("\n").filter(Boolean), ended: success };
}

for (const keepOld of [true, false]) {
  const kept = keepOld ? "kept" : "not kept";
  Deno.test(`a process killed at any step of a pack leaves the old file or the new one, old file ${kept} (S06)`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const steps: string[] = [];
      for (let step = 1;; step++) {
        const path = `${folder}/${step}/Data.fs`;
        await Deno.mkdir(`${folder}/${step}`);
        {
          await using storage = FileStorage.open(path);
          await fill(storage, 100);
        }
        const { said, ended } = await packIn(path, step, keepOld);
        assert(realDisk.exists(path), `step ${step}: there is no Data.fs`);
        await using storage = FileStorage.open(path);
        const acknowledged = said.filter((line) => line.startsWith("commit"));
        const found = current(storage, 1).data;
        // The last one may be there without having been acknowledged.
        const texts = [acknowledged.at(-1) ?? "third 1", `commit ${acknowledged.length}`];
        assert(
          texts.some((text) => found?.toHex() === linked(text).toHex()),
          `step ${step}: object 1 is none of ${texts}`,
        );
        const seen = reachable(storage);
        assertEquals(seen.size, 51);
        assert(![...seen.values()].includes("missing"), `step ${step}: an object is missing`);
        const packed = storage.length() === 51;
        assert(packed || storage.length() === 101, `step ${step}: ${storage.length()} objects`);
        steps.push(packed ? "new" : "old");
        const outcome = (await storage.pack(now())).outcome;
        assert(outcome === "packed" || packed, `step ${step}: could not be packed afterwards`);
        assertEquals(reachable(storage), seen);
        assert(!realDisk.exists(`${path}.pack`), `step ${step}: the pack's file is left`);
        if (ended) break;
      }
      const change = steps.indexOf("new");
      assert(change > 5, `changed at step ${change} of ${steps.length}`);
      assert(steps.slice(change).every((state) => state === "new"), `${steps}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
