/**
 * What values come to: sizes, intervals, substitution, and what the environment adds. Random ones, too.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  ConfigurationError,
  formatSocketAddress,
  loadServerConfiguration,
  parseDatabaseConfiguration,
  parseServerCommandLine,
  parseServerConfiguration,
  parseSocketAddress,
  resolveServerConfiguration,
  UsageError,
} from "../../config/mod.ts";

const ZEO = "<zeo>\naddress 8100\n</zeo>\n";
const NOTHING = { environment: () => undefined, kind: () => undefined, read: () => "" };

/** The section, which has to be of that type. */
function ofType<S extends { readonly type: string }, T extends S["type"]>(section: S | undefined, type: T) {
  assertEquals(section?.type, type);
  return section as Extract<S, { readonly type: T }>;
}

function zeo(keys: string, environment: Record<string, string> = {}) {
  return parseServerConfiguration(`<zeo>\naddress 8100\n${keys}\n</zeo>\n<mappingstorage/>`, {
    ...NOTHING,
    environment: (name) => environment[name],
  }).zeo;
}

function nameOf(defines: string, value: string, environment: Record<string, string> = {}): string {
  const { storages: [storage] } = parseServerConfiguration(
    `${defines}\n${ZEO}<mappingstorage>\nname ${value}\n</mappingstorage>`,
    { ...NOTHING, environment: (name) => environment[name] },
  );
  return ofType(storage, "mappingstorage").label;
}

Deno.test("any whole number of bytes, KB, MB or GB is read as that many bytes", () => {
  const units = fc.constantFrom<[string, number]>(["", 1], ["kb", 1024], ["mb", 1024 ** 2], [
    "gb",
    1024 ** 3,
  ]);
  const space = fc.constantFrom("", " ", "\t", "  ");
  fc.assert(fc.property(fc.nat(), units, space, fc.boolean(), (count, [unit, factor], gap, upper) => {
    const text = `${count}${gap}${upper ? unit.toUpperCase() : unit}`;
    const { databases } = parseDatabaseConfiguration(
      `<zodb>\ncache-size-bytes ${text}\n<mappingstorage/>\n</zodb>`,
      NOTHING,
    );
    assertEquals(databases[0].cacheSizeBytes, count * factor);
  }));
});

Deno.test("any whole number of seconds, minutes, hours or days is read as that many seconds", () => {
  const units = fc.constantFrom<[string, number]>(["", 1], ["s", 1], ["m", 60], ["h", 3600], ["D", 86400]);
  fc.assert(fc.property(fc.integer(), units, (count, [unit, factor]) => {
    const { databases } = parseDatabaseConfiguration(
      `<zodb>\npool-timeout ${count}${unit}\n<mappingstorage/>\n</zodb>`,
      NOTHING,
    );
    assertEquals(databases[0].poolTimeout, count * factor);
  }));
});

const printable = fc.string({ unit: fc.constantFrom(..."abc $ (){}%<>#=é€\u{1f600}\\\"'") }).map((text) =>
  text.trim()
);

Deno.test("a text whose dollar signs are doubled is taken as it is", () => {
  fc.assert(fc.property(printable, (text) => {
    // After a key, white space and nothing else would be no value.
    assertEquals(nameOf("", `x${text.replaceAll("$", "$$$$")}`), `x${text}`);
  }));
});

Deno.test("what a define or an environment variable stands for is put in once, and not looked at again", () => {
  fc.assert(fc.property(printable, printable, (before, value) => {
    const text = `x${before.replaceAll("$", "$$$$")}`;
    const defined = nameOf(`%define it ${value.replaceAll("$", "$$$$")}`, `${text}\${IT}$it`);
    assertEquals(defined, `x${before}${value}${value}`.trimEnd());
    assertEquals(nameOf("", `${text}$(IT)`, { IT: value }), `x${before}${value}`.trimEnd());
  }));
});

Deno.test("an address is written as it is read", () => {
  const host = fc.oneof(
    fc.constantFrom("localhost", "zeo.example.com", "127.0.0.1", "a-b"),
    fc.ipV6().filter((address) => !address.includes(".")).map((address) => `[${address.toLowerCase()}]`),
  );
  fc.assert(fc.property(host, fc.integer({ min: 0, max: 65535 }), (host, port) => {
    const text = `${host}:${port}`;
    assertEquals(formatSocketAddress(parseSocketAddress(text, "")), text);
  }));
});

const token = fc.constantFrom(
  ..."<zeo> </zeo> <mappingstorage> </mappingstorage> <mappingstorage/> <demostorage> </demostorage> <x a/> <eventlog> </eventlog>"
    .split(" "),
  ..."address read-only name path 8100 yes $a ${a} $(A) $ %define %include %import ZEO zc.zlibstorage a \n \n \n # \u0000 é %"
    .split(" "),
  "<logfile>",
  "</logfile>",
  "path STDOUT",
  "format %(message)s",
  "\n",
  "\n",
  "<filestorage 1>",
  "</filestorage>",
  "path Data.fs",
);

Deno.test("any text is a configuration or a ConfigurationError with a file", () => {
  const words = fc.array(token, { maxLength: 40 }).map((parts) => parts.join(" "));
  const lines = fc.array(token, { maxLength: 40 }).map((parts) => `${ZEO}${parts.join("\n")}`);
  const anything = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(fc.oneof(words, lines, anything), (text) => {
      for (const parse of [parseServerConfiguration, parseDatabaseConfiguration]) {
        try {
          parse(text, { ...NOTHING, read: () => "%define b c" });
        } catch (error) {
          if (!(error instanceof ConfigurationError)) throw error;
          assert(error.file.length > 0 && !error.message.includes("\n"));
        }
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("any command line is one or a UsageError", () => {
  const word = fc.oneof(
    fc.constantFrom(
      ..."-C -a -f -t -X --pid-file --test --time --t 8100 x a/b=c -hv -- - --address=1 -t5".split(" "),
    ),
    fc.string(),
  );
  fc.assert(fc.property(fc.array(word, { maxLength: 8 }), (args) => {
    try {
      parseServerCommandLine(args);
    } catch (error) {
      assert(error instanceof UsageError, String(error));
    }
  }));
});

Deno.test("our own limits have defaults, and take sizes above nothing", () => {
  const { maxMessageSize, maxBuffered, monitor, maxConnections, stopTimeout } = zeo("");
  assertEquals([maxMessageSize, maxBuffered], [64 * 1024 ** 2, 64 * 1024 ** 2]);
  assertEquals([monitor, maxConnections, stopTimeout], [undefined, 10_000, 5]);
  assertEquals([zeo("stop-timeout 0").stopTimeout, zeo("stop-timeout 0.5").stopTimeout], [0, 0.5]);
  assertThrows(() => zeo("stop-timeout -1"), ConfigurationError, "at least 0");
  const set = zeo("max-message-size 1gb\nmax-buffered 5mb\nmonitor localhost:8101\nmax-connections 9");
  assertEquals([set.maxMessageSize, set.maxBuffered, set.maxConnections], [1024 ** 3, 5 * 1024 ** 2, 9]);
  assertEquals(set.monitor, { kind: "tcp", host: "localhost", port: 8101, ipv6: false });
  for (const key of ["max-message-size 0", "max-buffered -1kb", "max-connections 0"]) {
    assertThrows(() => zeo(key), ConfigurationError, "positive");
  }
});

Deno.test("ZEO_MSGPACK decides about msgpack where the configuration doesn't", () => {
  assertEquals(zeo("").msgpack, false);
  assertEquals(zeo("", { ZEO_MSGPACK: "" }).msgpack, false);
  assertEquals(zeo("", { ZEO_MSGPACK: "0" }).msgpack, true);
  assertEquals(zeo("msgpack no", { ZEO_MSGPACK: "1" }).msgpack, false);
  assertEquals(zeo("msgpack yes").msgpack, true);
});

Deno.test("the process id goes where the command line, the file or else the instance says", () => {
  const pidFile = (args: string[], keys: string, home?: string) =>
    resolveServerConfiguration(parseServerCommandLine(["-C", "zeo.conf", ...args]), {
      read: () => `<zeo>\naddress 1\n${keys}\n</zeo>\n<mappingstorage/>`,
      environment: (name) => name === "INSTANCE_HOME" ? home : undefined,
    }).zeo.pidFilename;
  assertEquals(pidFile(["--pid-file", "a"], "pid-filename b", "/home"), "a");
  assertEquals(pidFile([], "pid-filename b", "/home"), "b");
  assertEquals(pidFile([], "", "/home"), "/home/var/ZEO.pid");
  assertEquals(pidFile([], ""), undefined);
});

Deno.test("an ssl section is read with its files", () => {
  const { ssl } = zeo("<ssl>\ncertificate server.pem\nkey key.pem\nauthenticate clients.pem\n</ssl>");
  assertEquals(ssl, {
    position: { file: "zeo.conf", line: 3 },
    certificate: "server.pem",
    key: "key.pem",
    passwordFunction: undefined,
    authenticate: "clients.pem",
    passwordFile: undefined,
    passwordVariable: undefined,
  });
});

Deno.test("a file is read with the files that it includes, by path or by URL", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${directory}/parts`);
    await Deno.writeTextFile(
      `${directory}/zeo.conf`,
      `%define data ${directory}\n${ZEO}%include parts/storage.conf\n`,
    );
    await Deno.writeTextFile(
      `${directory}/parts/storage.conf`,
      "<filestorage Main>\n  path $data/Data.fs\n  %include ../blobs.conf\n</filestorage>\n",
    );
    await Deno.writeTextFile(`${directory}/blobs.conf`, "blob-dir $data/blobs\n");
    for (const location of [`${directory}/zeo.conf`, `file://${directory}/zeo.conf`]) {
      const { storages: [storage], source } = loadServerConfiguration(location);
      const { name, path, blobDir } = ofType(storage, "filestorage");
      assertEquals([name, path, blobDir], ["main", `${directory}/Data.fs`, `${directory}/blobs`]);
      assertEquals(storage.position, { file: `${directory}/parts/storage.conf`, line: 1 });
      assertEquals(source, `${directory}/zeo.conf`);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test({
  name: "an environment variable that may not be read counts as unset",
  permissions: { env: false, read: true },
  fn() {
    const text = `${ZEO}<mappingstorage>\nname $(HOME)\n</mappingstorage>`;
    assertThrows(() => parseServerConfiguration(text), ConfigurationError, "HOME is not set");
    assertEquals(parseServerConfiguration(`${ZEO}<mappingstorage/>`).zeo.msgpack, false);
  },
});

Deno.test({
  name: "a directory that may not be looked at is refused with the reason",
  permissions: { env: false, read: false },
  fn() {
    const text = `${ZEO}<filestorage>\npath var/Data.fs\n</filestorage>`;
    const error = assertThrows(() => parseServerConfiguration(text), ConfigurationError);
    assert(error.message.includes(`can't look at var`), error.message);
  },
});

Deno.test("a whole configuration, as users have them, comes to typed sections", () => {
  const configuration = parseServerConfiguration(
    `
    %import zc.zlibstorage
    %import ZEO
    <zeo>
      address zeo.example.com:8090
    </zeo>
    <serverzlibstorage main>
      <filestorage>
        path Data.fs
      </filestorage>
    </serverzlibstorage>
    <demostorage demo>
      <clientstorage>
        server localhost:9000
      </clientstorage>
      <mappingstorage changes/>
    </demostorage>
    <eventlog>
      level info
      <logfile>
        path zeo.log
        format %(asctime)s\\t%(message)s
      </logfile>
    </eventlog>
    `,
    NOTHING,
  );
  const [main, demo] = configuration.storages;
  if (main.type !== "serverzlibstorage") throw new Error(main.type);
  const { path, packGc } = ofType(main.base, "filestorage");
  assertEquals([main.name, main.compress, path, packGc], ["main", true, "Data.fs", true]);
  const { base, changes } = ofType(demo, "demostorage");
  const { waitTimeout, cacheSize } = ofType(base, "clientstorage");
  assertEquals([waitTimeout, cacheSize, changes?.type], [30, 20 * 1024 ** 2, "mappingstorage"]);
  const handler = ofType(configuration.eventlog?.handlers[0], "logfile");
  assertEquals([handler.path, handler.format], ["zeo.log", "%(asctime)s\t%(message)s"]);
  assertEquals(configuration.eventlog?.level, 20);
});
