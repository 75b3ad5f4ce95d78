import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  arrowsOf,
  cycles,
  emptyNames,
  isTypeScript,
  LONGEST_FILE,
  longFiles,
  registryHosts,
  type RepositoryFile,
  silencedChecks,
  silencedLints,
  wrongArrows,
} from "./layers.ts";

const ROOT = fromFileUrl(new URL("..", import.meta.url));

/** The repository's text files: tracked, or not ignored and so about to be. */
function repositoryFiles(): RepositoryFile[] {
  const { stdout, success, stderr } = new Deno.Command("git", {
    args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd: ROOT,
  }).outputSync();
  if (!success) throw new Error(`git ls-files: ${new TextDecoder().decode(stderr)}`);
  const paths = new Set(new TextDecoder().decode(stdout).split("\0").filter((path) => path !== ""));
  const files: RepositoryFile[] = [];
  for (const path of paths) {
    const text = readText(`${ROOT}/${path}`);
    if (text !== undefined) files.push({ path, text });
  }
  return files;
}

/** `undefined` for what is no text, or not there: deleted, a link to nowhere, a folder. */
function readText(path: string): string | undefined {
  try {
    const bytes = Deno.readFileSync(path);
    return bytes.subarray(0, 8192).includes(0) ? undefined : new TextDecoder().decode(bytes);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) return undefined;
    throw error;
  }
}

/** Names that lead back into the repository: its own, and the import map's local ones. */
function localAliases(files: readonly RepositoryFile[]): Record<string, string> {
  const config = JSON.parse(files.find(({ path }) => path === "deno.json")!.text);
  const own = Object.entries(config.exports ?? {})
    .map(([key, target]) => [`${config.name}${key.slice(1)}`, target]);
  return Object.fromEntries(
    [...Object.entries(config.imports ?? {}), ...own]
      .filter(([, target]) => String(target).startsWith("./"))
      .map(([name, target]) => [name, String(target).slice(2)]),
  );
}

const files = repositoryFiles();
const arrows = files.filter(isTypeScript).flatMap((file) => arrowsOf(file, localAliases(files)));

Deno.test("the check sees the repository", () => {
  assertEquals(files.some(({ path }) => path === "values/mod.ts"), true);
  assertEquals(
    arrows.some(({ from, to }) => from === "tests/layers_test.ts" && to === "tests/layers.ts"),
    true,
  );
});

Deno.test("imports point downward and go through doors", () => {
  assertEquals(wrongArrows(arrows), []);
});

Deno.test("no rooms import each other in a circle", () => {
  assertEquals(cycles(arrows), []);
});

Deno.test("no file is called utils, helpers, common or misc", () => {
  assertEquals(emptyNames(files), []);
});

Deno.test(`no TypeScript file is longer than ${LONGEST_FILE} lines`, () => {
  assertEquals(longFiles(files), []);
});

Deno.test("nothing tells the type checker to look away", () => {
  assertEquals(silencedChecks(files), []);
});

Deno.test("nothing tells the linter to look away without a reason", () => {
  assertEquals(silencedLints(files), []);
});

Deno.test("no file names a package registry's host", () => {
  assertEquals(registryHosts(files), []);
});

// The rest shows that the rules find what they are for.

function targets(path: string, text: string): string[] {
  return arrowsOf({ path, text }, { "@zeo/zeo": "mod.ts" }).map(({ to, line }) => `${line} ${to}`);
}

function faults(from: string, ...specifiers: string[]): string[] {
  const text = specifiers.map((specifier) => `import ${JSON.stringify(specifier)};\n`).join("");
  return wrongArrows(arrowsOf({ path: from, text }));
}

Deno.test("every form of import is seen", () => {
  const text = [
    `import { one } from "./one.ts";`,
    `import type { Two } from './two.ts';`,
    `import {`,
    `  three,`,
    `} from "../three/mod.ts";`,
    `import "./four.ts";`,
    `import five, * as all from "./five.ts";`,
    `export * from "./six.ts";`,
    `export { seven } from "./seven.ts";`,
    `export type { Eight } from "./eight.ts";`,
    `const nine = await import("./nine.ts");`,
    `type Ten = import("./ten.ts").Ten;`,
    `import eleven from "./eleven.json" with { type: "json" };`,
    `import * as zeo from "@zeo/zeo";`,
  ].join("\n");
  assertEquals(targets("room/file.ts", text), [
    "1 room/one.ts",
    "2 room/two.ts",
    "3 three/mod.ts",
    "6 room/four.ts",
    "7 room/five.ts",
    "8 room/six.ts",
    "9 room/seven.ts",
    "10 room/eight.ts",
    "13 room/eleven.json",
    "14 mod.ts",
    "11 room/nine.ts",
    "12 room/ten.ts",
  ]);
});

Deno.test("packages, comments and other statements are not arrows", () => {
  const text = [
    `import { assertEquals } from "@std/assert";`,
    `import { createSocket } from "node:dgram";`,
    `/**`,
    ` * import { example } from "./example.ts";`,
    ` * await import("./example.ts");`,
    ` */`,
    `// import("./commented.ts")`,
    `export const from = "./constant.ts";`,
    `export function load(): string { return "./function.ts"; }`,
  ].join("\n");
  assertEquals(targets("room/file.ts", text), []);
});

Deno.test("an upward arrow is found", () => {
  assertEquals(faults("storage/file/index.ts", "../../server/mod.ts"), [
    "storage/file/index.ts:1 imports server/mod.ts: upward, from layer 2 to 3",
  ]);
  assertEquals(faults("values/oid.ts", "../mod.ts"), [
    "values/oid.ts:1 imports mod.ts: upward, from layer 0 to 6",
  ]);
});

Deno.test("an arrow between rooms of one layer is found, but pickle/ may use values/", () => {
  assertEquals(faults("server/session.ts", "../client/mod.ts"), [
    "server/session.ts:1 imports client/mod.ts: sideways, both are on layer 3",
  ]);
  assertEquals(faults("values/oid.ts", "../pickle/mod.ts").length, 1);
  assertEquals(faults("pickle/reader.ts", "../values/mod.ts"), []);
  assertEquals(faults("mod.ts", "./server.ts", "./client.ts"), []);
});

Deno.test("a side entrance is found, also from tests and benchmarks", () => {
  assertEquals(faults("server/session.ts", "../storage/mod.ts", "../storage/file/mod.ts"), [
    "server/session.ts:2 imports storage/file/mod.ts: side entrance, the door is storage/mod.ts",
  ]);
  assertEquals(faults("bench/loads.ts", "../protocol/mod.ts", "../protocol/framer.ts").length, 1);
  assertEquals(faults("tests/server/session_test.ts", "../../storage/disk.ts").length, 1);
  assertEquals(faults("tests/storage/file/index_test.ts", "../../../storage/file/index.ts"), []);
  assertEquals(faults("storage/file/index.ts", "../disk.ts"), []);
});

Deno.test("a worker from another room is found", () => {
  const file = (to: string) => ({
    path: "storage/file/pack.ts",
    text: `const worker = new Worker(new URL("${to}", import.meta.url), { type: "module" });\n`,
  });
  assertEquals(wrongArrows(arrowsOf(file("./pack_worker.ts"))), []);
  assertEquals(wrongArrows(arrowsOf(file("../../server/mod.ts"))), [
    "storage/file/pack.ts:1 imports server/mod.ts: upward, from layer 2 to 3",
  ]);
});

Deno.test("using tests from the house is found, and a room that nobody planned", () => {
  assertEquals(faults("server/session.ts", "../tests/interop/server.ts").length, 1);
  assertEquals(faults("tests/server/a_test.ts", "../interop/server.ts", "../../bench/load.ts"), []);
  assertEquals(faults("server/session.ts", "../shed/mod.ts"), [
    "server/session.ts:1 imports shed/mod.ts: there is no room called shed",
  ]);
  assertEquals(faults("shed/rake.ts", "../values/mod.ts").length, 1);
});

Deno.test("a cycle is found once, however long", () => {
  const arrow = (from: string, to: string) => ({ from: `${from}/a.ts`, to: `${to}/mod.ts`, line: 1 });
  const ring = [arrow("values", "pickle"), arrow("pickle", "protocol"), arrow("protocol", "values")];
  assertEquals(cycles(ring), ["values → pickle → protocol → values: a cycle"]);
  assertEquals(cycles([...ring.slice(1), arrow("server", "pickle"), arrow("server", "values")]), []);
});

Deno.test("names that say nothing are found, in files and folders", () => {
  const paths = [
    "storage/utils.ts",
    "tests/helpers/a.ts",
    "common.py",
    "zodb/misc_test.ts",
    "server/file_utils.ts",
    "storage/commons.ts",
  ];
  assertEquals(emptyNames(paths.map((path) => ({ path, text: "" }))).length, 5);
});

Deno.test("a file one line too long is found", () => {
  const text = (lines: number) => "line\n".repeat(lines);
  assertEquals(longFiles([{ path: "a.ts", text: text(LONGEST_FILE) }]), []);
  assertEquals(longFiles([{ path: "a.ts", text: text(401) }]), ["a.ts: 401 lines, the limit is 400"]);
  assertEquals(longFiles([{ path: "a.md", text: text(401) }]), []);
});

Deno.test("silenced checks and registry hosts are found, with their lines", () => {
  const silenced = `one();\n// @${"ts-ignore"}: later\n`;
  assertEquals(silencedChecks([{ path: "a.ts", text: silenced }]).map((line) => line.slice(0, 6)), [
    "a.ts:2",
  ]);
  const lints = ["// deno-lint-", "ignore no-empty"].join("");
  const text = `${lints}\n${lints} -- there is nothing to do\n`;
  assertEquals(silencedLints([{ path: "a.ts", text }]), ["a.ts:1: without a reason"]);
  const host = ["registry", "npmjs", "org"].join(".");
  const report = registryHosts([{ path: "docs/a.md", text: `\n\nhttps://${host}/\n` }]);
  assertEquals(report.map((line) => line.slice(0, 11)), ["docs/a.md:3"]);
});
