import { assertEquals, assertThrows } from "@std/assert";
import { PidFile } from "../../config/mod.ts";

Deno.test("a file with the process id goes with the process, but not when a later one has it", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/zeo.pid`;
  {
    using _file = PidFile.write(path);
    assertEquals(Deno.readTextFileSync(path), `${Deno.pid}\n`);
  }
  assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
  {
    using _file = PidFile.write(path);
    Deno.writeTextFileSync(path, "1\n");
  }
  assertEquals(Deno.readTextFileSync(path), "1\n");
  await Deno.remove(folder, { recursive: true });
});
