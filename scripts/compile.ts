/**
 * Makes one binary of the command line, the server included, with its checksum beside it: `deno task compile`.
 *
 *   dist/zeo          the binary
 *   dist/zeo.sha256   its SHA-256, as `sha256sum --check` wants it
 *
 * Further arguments are handed to `deno compile`, `--target` for example. Exit codes: 0 done, 1 it can't be compiled, 3 the
 * runtime's download host can't be reached; `DENORT_BIN` names a runtime that is there already.
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };
import { fromFileUrl, join, relative } from "@std/path";

/** What the binary may do: what a server and its tools need, without asking. */
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys"];

/** Rooms whose workers are part of the product. */
const ROOMS = ["storage", "cache", "server", "client", "config", "zodb", "scripts"];

/** What `deno compile` says when it has no runtime and can't fetch one. */
const NO_RUNTIME = /Setting up base binary|error sending request|dns error|client error \(Connect\)/;

/** The files that are started as workers, from the repository's root: those whose names end in `_worker.ts`. */
export function workerFiles(root: string): string[] {
  return ROOMS.flatMap((room) => filesBelow(join(root, room)))
    .filter((path) => path.endsWith("_worker.ts")).map((path) => relative(root, path)).sort();
}

function filesBelow(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder)).flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(join(folder, name)) : [join(folder, name)]
  );
}

async function saysItsVersion(binary: string): Promise<boolean> {
  const { code, stdout } = await new Deno.Command(binary, { args: ["--version"], stderr: "null" }).output();
  return code === 0 && new TextDecoder().decode(stdout).trim() === deno.version;
}

async function sha256(path: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))).toHex();
}

/**
 * Compiles. @param target Where the binary goes. @param args Further arguments of `deno compile`.
 *
 * @returns The exit code.
 */
export async function compile(root: string, target: string, args: readonly string[]): Promise<number> {
  const includes = workerFiles(root).flatMap((path) => ["--include", path]);
  await Deno.mkdir(join(target, ".."), { recursive: true });
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--no-prompt", ...PERMISSIONS, ...includes, "-o", target, ...args, "scripts/zeo.ts"],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "inherit",
    stderr: "piped",
  }).output();
  const messages = new TextDecoder().decode(stderr);
  if (code !== 0) {
    if (NO_RUNTIME.test(messages)) {
      console.error(
        "compile: the runtime's download host can't be reached; DENORT_BIN may name a denort of " +
          `version ${Deno.version.deno} that is there already`,
      );
      return 3;
    }
    console.error(messages.trimEnd());
    return 1;
  }
  const binary = /windows/.test(args.join(" ")) || Deno.build.os === "windows" ? `${target}.exe` : target;
  if (!args.includes("--target") && !await saysItsVersion(binary)) {
    await Deno.remove(binary);
    console.error(
      `compile: ${binary} doesn't run as zeo: is DENORT_BIN a denort of version ${Deno.version.deno}?`,
    );
    return 1;
  }
  const sum = await sha256(binary);
  await Deno.writeTextFile(`${binary}.sha256`, `${sum}  ${binary.slice(binary.lastIndexOf("/") + 1)}\n`);
  const { size } = await Deno.stat(binary);
  console.log(`${relative(Deno.cwd(), binary)}: ${(size / 1e6).toFixed(1)} MB, SHA-256 ${sum}`);
  return 0;
}

if (import.meta.main) {
  const root = fromFileUrl(new URL("..", import.meta.url));
  Deno.exit(await compile(root, join(root, "dist", "zeo"), Deno.args));
}
