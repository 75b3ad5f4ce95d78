/** A second configuration file for both servers, with the sections that every_key.conf leaves out. */

import { assertEquals } from "@std/assert";
import { tlsFile } from "../fixtures/tls/mod.ts";
import { interopTest, type Peers, Program, type ServerKind } from "./peers.ts";

const root = new URL("../../", import.meta.url).pathname;
const configuration = new URL("configuration/", import.meta.url).pathname;
const certificates = tlsFile(".").replace(/\/$/, "");

const ssl = `  <ssl>
    certificate ${tlsFile("server.pem")}
    key ${tlsFile("server.key")}
    authenticate ${tlsFile("client.pem")}
  </ssl>`;

interface Left {
  readonly seen: Readonly<Record<string, unknown>>;
  readonly files: readonly string[];
  /** What the log says of the storages that it opens, and of those who aren't let in. */
  readonly lines: readonly string[];
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** What runzeo has instead of `<clientstorage>`, for a server without TLS. */
const zeoclient = `<zeoclient upstream>
  server 127.0.0.1:$upstream
  storage 1
  name Upstream
  blob-dir upstream.blobs
  blob-cache-size 1MB
  blob-cache-size-check 20
  client upstream
</zeoclient>`;

async function run(peers: Peers, kind: ServerKind): Promise<Left> {
  const folder = `${peers.folder}/${kind}`, above = `${peers.folder}/above-${kind}`;
  for (const path of [folder, above, `${folder}-caches`]) await Deno.mkdir(path);
  const python = peers.session();
  const moment = await python.call<string>("every_section.prepare", { folder });
  await using upstream = await peers.start({
    kind: "runzeo",
    zeoSections: kind === "ours" ? ssl : "",
    storages: `<filestorage>\n  path ${above}/Data.fs\n  blob-dir ${above}/blobs\n</filestorage>`,
  }, above);
  const port = freePort();
  const defines = { folder, port, upstream: upstream.address[1], certificates, moment };
  const lines = Object.entries(defines).map(([name, value]) => `%define ${name} ${value}`);
  await Deno.writeTextFile(
    `${folder}/zeo.conf`,
    [
      ...lines,
      `%include ${configuration}every_section.conf`,
      kind === "ours" ? `%include ${configuration}every_client.conf` : zeoclient,
      "",
    ].join("\n"),
  );
  const command = kind === "runzeo" ? [`${peers.environment.programs}/runzeo`] : [
    ...[Deno.execPath(), "run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write"],
    ...["--config", `${root}deno.json`, `${root}server.ts`],
  ];
  await using server = new Program(kind, command[0], [...command.slice(1), "-C", "zeo.conf"], {
    cwd: folder,
  });
  await server.match(kind === "ours" ? /^listening on 127/m : /listening on \(/);
  const address = ["127.0.0.1", port];
  const seen = await python.call("every_section.use", { address, cache: `${folder}-caches`, certificates });
  assertEquals((await server.stop()).code, 0);
  return {
    seen: seen as Left["seen"],
    files: Array.from(Deno.readDirSync(folder), ({ name }) => name)
      .filter((name) => !/^upstream.*zec$|\.lock$|\.tmp$|\.ballast$/.test(name)).sort(),
    lines: server.output.split("\n").filter((line) => /opening storage|StorageServer created/.test(line))
      .map((line) =>
        line.replace(/^\S+ /, "").replace(/\(\d+\)/, "(PID)").replace(
          / before [-\d]+ [:.\d]+/g,
          " before MOMENT",
        )
          .replace(/ClientStorage|ZEOClient/, "CLIENT").replace(" (connected)", "")
          // The original names the function that makes it.
          .replace(/using (ZConfig|ZConfigServer|ZlibStorage|ServerZlibStorage|Before)$/, "using OUTER")
      ),
  };
}

await interopTest(
  "one configuration file with the sections that are imported, and TLS: both servers do the same",
  async (peers, context) => {
    const [theirs, ours] = await Promise.all([run(peers, "runzeo"), run(peers, "ours")]);
    for (const [name, seen] of Object.entries(theirs.seen)) {
      await context.step(`clients see the same: ${name}`, () => assertEquals(ours.seen[name], seen));
    }
    await context.step("the same files appear", () => assertEquals(ours.files, theirs.files));
    await context.step("the log names the same storages", () => assertEquals(ours.lines, theirs.lines));
  },
);
