/** What the event log says: the same lines as the original's, so that what reads them keeps working. */

import { assert, assertEquals } from "@std/assert";
import { interopTest, type Peers, type Server, type ServerKind } from "./peers.ts";

const eventlog = `<eventlog>
  level all
  <logfile>
    path STDERR
    format |%(levelname)s|%(name)s|%(message)s
  </logfile>
</eventlog>`;

/** Lines of the parts that are the original's own, and what one says that the other has nothing to say of. */
const NOT_COMPARED = [
  /^\w+\|(asyncio|txn)\b/,
  // The original asks how to resolve a conflict also where it doesn't have what one side started from.
  /^\w+\|ZODB\.ConflictResolution\|/,
  // What a pack has done, and how fast.
  /^\w+\|ZODB\.FileStorage\|Data\.fs: /,
  // A peer that left with something unread: when that is noticed is chance.
  /Disconnected ConnectionResetError/,
  // The original counts connections at its end that it has closed long ago.
  /Closing ZEO/,
];

/** What both may say in their own words, and what is never the same. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/127\.0\.0\.1:\d+/g, "ADDRESS"],
  [/\('127\.0\.0\.1', \d+\)/g, "ADDRESS"],
  [/^(\w+\|ZEO\.runzeo\|)\(\d+\)/, "$1(PID)"],
  [/0x[0-9a-f]{16} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}/g, "TID"],
  [/\b\d{18}\b/g, "TID"],
  [/pack\(time=[\d.]+\)/, "pack(time=TIME)"],
  [/, \d+ bytes$/, ", BYTES bytes"],
  [/^(\w+\|ZODB\.blob\|)\(\d+\)/, "$1(PID)"],
  [/'[^']*\/(ours|runzeo)\/blobs\/'/, "'FOLDER/blobs/'"],
  // Who, and what exactly: the original doesn't say it, or in a traceback.
  [/(\|bad handshake b(['"]).*?\2)(, expected.*|)$/, "$1"],
  [/(\|Can't deserialize message)\b.*$/, "$1"],
  [/(\|Invalid method, '.*?'):? ?.*$/, "$1"],
  [/(\|(async )?`'\w+'` raised exception:).*$/, "$1"],
];

function linesOf(output: string): string[] {
  return output.split("\n").filter((line) => line.startsWith("|")).map((line) => line.slice(1))
    .filter((line) => !NOT_COMPARED.some((pattern) => pattern.test(line)))
    .map((line) => VARYING.reduce((text, [pattern, name]) => text.replace(pattern, name), line));
}

/** A server that has been through the session and was stopped; what it wrote since `from`. */
async function session(peers: Peers, kind: ServerKind, calls: (server: Server) => Promise<void>) {
  const folder = `${peers.folder}/${kind}`;
  await Deno.mkdir(folder);
  const server = await peers.start({
    kind,
    msgpack: true,
    eventlog,
    zeo: { "pid-filename": "zeo.pid" },
    storages:
      `<filestorage>\n  path Data.fs\n  blob-dir blobs\n  pack-gc false\n</filestorage>\n<mappingstorage other>\n</mappingstorage>`,
  }, folder);
  await calls(server);
  assertEquals((await server.stop()).code, 0);
  return server.output;
}

function withoutRepeats(lines: readonly string[]): string[] {
  return lines.filter((line, i) => line !== lines[i - 1]);
}

await interopTest("a session's log lines are those of the original", async (peers, context) => {
  const run = (kind: ServerKind) => {
    const python = peers.session();
    return session(peers, kind, async ({ address }) => {
      await python.call("log_lines.clients", { address });
      await python.call("log_lines.strangers", { address });
      await python.call("log_lines.many_wait", { address, count: 5 });
    });
  };
  const [theirs, ours] = await Promise.all([run("runzeo"), run("ours")]);
  await context.step("line by line", () => {
    const expected = linesOf(theirs), actual = linesOf(ours);
    assert(expected.length > 100, "the original has written something");
    // It calls a method that it has just refused, and fails: that is an error of its own.
    const quirk = (line: string) => /`'(nope|register)'` raised exception/.test(line);
    const plain = (lines: string[]) => withoutRepeats(lines.filter((line) => !quirk(line)));
    assertEquals(plain(actual), plain(expected));
  });
});
