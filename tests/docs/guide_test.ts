/** The guide's code does what it says: its blocks are one program, which prints what stands behind `// →`. */

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { formatAddress, server } from "../../mod.ts";
import { interopTest } from "../interop/peers.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));
const guide = await Deno.readTextFile(`${root}docs/guide.md`);

/** The code of a language, block by block. */
function blocks(language: string): string[] {
  return [...guide.matchAll(/^```(.*)\n([^]*?)^```$/gm)].filter(([, kind]) => kind === language)
    .map(([, , code]) => code);
}

/** What stands behind the arrows. */
function told(code: string, comment: string): string[] {
  return code.split("\n").filter((line) => line.includes(`${comment} → `))
    .flatMap((line) => line.slice(line.indexOf(`${comment} → `) + comment.length + 3).split(" → "));
}

/** The blocks as a program. */
function program(code: readonly string[], address: string): string {
  return code.join("\n").replaceAll('"@zeo/zeo"', JSON.stringify(`file://${root}mod.ts`))
    .replaceAll("127.0.0.1:8100", address);
}

/** The server that the guide has one start, on a port that is free. */
async function guideServer(folder: string): ReturnType<typeof server> {
  const [configuration] = blocks("");
  assert(configuration.startsWith("<zeo>"));
  const storageConf = configuration.slice(configuration.indexOf("<filestorage>"))
    .replace("path Data.fs", `path ${folder}/Data.fs`).replace("blob-dir blobs", `blob-dir ${folder}/blobs`);
  return await server({ storageConf });
}

async function run(command: string, args: string[], folder: string): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd: folder, stdin: "null" })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

/** Runs the guide's TypeScript, then looks at the database. */
async function follow(after?: (folder: string, address: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using running = await guideServer(folder);
    const address = formatAddress(running.address), code = blocks("ts");
    // What Python is told comes before the script.
    const script = code.findIndex((block) => block.includes("openSync"));
    const parts = after ? [code.slice(0, script), code.slice(script)] : [code];
    const classes = code.filter((block) => block.includes("registerClass(")).map((block) =>
      block.replace(/^await [^]*/m, "")
    );
    const head = [code[0].split("\n", 1)[0], ...classes];
    const end = code.at(-1)!;
    for (const [index, part] of parts.entries()) {
      let text = index === 0 ? part : [...head, ...part.slice(0, -1)];
      if (index < parts.length - 1) text = [...text, end];
      await Deno.writeTextFile(`${folder}/guide.ts`, program(text, address));
      const args = [
        "run",
        "--quiet",
        "--no-check",
        "-A",
        "--config",
        `${root}deno.json`,
        `${folder}/guide.ts`,
      ];
      assertEquals(await run(Deno.execPath(), args, folder), told(part.join("\n"), "//"));
      if (index === 0) await after?.(folder, address);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("who follows the guide gets what it says", () => follow());

Deno.test("the compiler finds nothing wrong in the guide's code", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // What isn't run for want of certificates is among it.
    const code = [...blocks("ts"), ...blocks("ts no-run")];
    await Deno.writeTextFile(`${folder}/guide.ts`, program(code, "127.0.0.1:8100"));
    await run(
      Deno.execPath(),
      ["check", "--quiet", "--config", `${root}deno.json`, `${folder}/guide.ts`],
      folder,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

await interopTest("who follows the guide with Python shares the objects", async ({ environment }) => {
  const [models, use] = blocks("python");
  await follow(async (folder, address) => {
    await Deno.mkdir(`${folder}/bank`);
    await Deno.writeTextFile(`${folder}/bank/models.py`, models);
    const [, port] = address.split(":");
    await Deno.writeTextFile(`${folder}/use.py`, use.replace("8100", port));
    assertEquals(await run(environment.python, ["use.py"], folder), told(use, "#"));
  });
});
