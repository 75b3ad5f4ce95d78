/** The package as its users see it. */

import { assert, assertEquals } from "@std/assert";
import { parseServerConfiguration } from "../../config/mod.ts";
import deno from "../../deno.json" with { type: "json" };

Deno.test("the configurations in the documentation can be used as they are", async () => {
  for (const name of ["README.md", "docs/guide.md"]) {
    const text = await Deno.readTextFile(new URL(`../../${name}`, import.meta.url));
    const blocks = [...text.matchAll(/^```(.*)\n([^]*?)^```$/gm)]
      .filter(([, kind, block]) => kind === "" && block.startsWith("<zeo>")).map(([, , block]) => block);
    assert(blocks.length > 0, name);
    for (const block of blocks) {
      const whole = block.includes("storage") ? block : `${block}<mappingstorage>\n</mappingstorage>\n`;
      assert(parseServerConfiguration(whole, {}, name).storages.length > 0, name);
    }
  }
});

Deno.test("every module of the package can be imported when it is needed", async () => {
  for (const path of Object.values(deno.exports)) {
    const module = await import(new URL(`../../${path}`, import.meta.url).href);
    assertEquals(typeof module, "object", path);
    // A module with a `then` is taken for a promise.
    assert(!("then" in module), path);
  }
});
