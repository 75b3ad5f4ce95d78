import { assert, assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join, relative } from "@std/path";
import { workerFiles } from "../../scripts/compile.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

function sources(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder)).flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? sources(path) : name.endsWith(".ts") ? [path] : [];
  });
}

Deno.test("the binary has every file that is started as a worker, and all of them are there", () => {
  const included = workerFiles(root);
  const started = ["storage", "cache", "server", "client", "config", "zodb", "scripts", "protocol", "pickle"]
    .flatMap((room) => sources(join(root, room)))
    .flatMap((path) =>
      [...Deno.readTextFileSync(path).matchAll(/new Worker\(\s*new URL\("([^"]+)", import\.meta\.url\)/g)]
        .map(([, file]) => relative(root, join(dirname(path), file)))
    );
  assert(started.length > 0);
  for (const file of started) assert(included.includes(file), file);
  for (const file of included) assertEquals(Deno.statSync(join(root, file)).isFile, true, file);
});
