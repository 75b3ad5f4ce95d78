/**
 * What somebody with a mistake in a configuration or on the command line is told.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ConfigurationError,
  loadServerConfiguration,
  parseDatabaseConfiguration,
  parseServerCommandLine,
  parseServerConfiguration,
  resolveServerConfiguration,
  usage,
  UsageError,
} from "../../config/mod.ts";

const ZEO = "<zeo>\n  address 8100\n</zeo>\n";

function refusal(text: string, overrides: string[] = []): ConfigurationError {
  return assertThrows(
    () =>
      parseServerConfiguration(text, {
        overrides,
        environment: () => undefined,
        kind: () => undefined,
        read: () => {
          throw new Deno.errors.NotFound("no such file");
        },
      }),
    ConfigurationError,
  );
}

const MESSAGES: Readonly<Record<string, [text: string, message: string]>> = {
  "a value of the wrong kind": [
    "<zeo>\n  address 8100\n  transaction-timeout soon\n</zeo>\n<mappingstorage/>",
    `zeo.conf:3: <zeo> transaction-timeout "soon": expected seconds as an integer, for example 30`,
  ],
  "an address with a port that is none": [
    "<zeo>\naddress localhost:http\n</zeo>\n<mappingstorage/>",
    `zeo.conf:2: <zeo> address "localhost:http": expected host:port, port, [v6 address]:port or the path of a socket ` +
    `(with a / in it); a port is a number from 0 to 65535`,
  ],
  "an unknown key": [
    ZEO + "<mappingstorage main>\npath x\n</mappingstorage>",
    `zeo.conf:5: <mappingstorage main> path "x": unknown key: expected one of name`,
  ],
  "a key outside of a section": [
    "address 8100",
    `zeo.conf:1: address "8100": unknown key: expected no keys here, only sections`,
  ],
  "a key that is there twice": [
    "<zeo>\naddress 8100\naddress 8101\n</zeo>\n<mappingstorage/>",
    `zeo.conf:3: <zeo> address "8101": expected once only; it is in line 2 already`,
  ],
  "a key that is missing": [
    ZEO + "<filestorage>\n</filestorage>",
    `zeo.conf:4: <filestorage>: expected a key "path"`,
  ],
  "a directory that is missing": [
    ZEO + "<filestorage>\npath nope/Data.fs\n</filestorage>",
    `zeo.conf:5: <filestorage> path "nope/Data.fs": expected a path in a directory that exists; there is no directory nope`,
  ],
  "no storage": [ZEO, `zeo.conf: expected a storage section, for example <filestorage>`],
  "two unnamed storages": [
    ZEO + "<mappingstorage/>\n<mappingstorage/>",
    `zeo.conf:5: <mappingstorage>: expected a name, for example <mappingstorage 2>; ` +
    `the storage of line 4 is the one that may have none`,
  ],
  "two sections of one name": [
    ZEO + "<mappingstorage a/>\n<mappingstorage A/>",
    `zeo.conf:5: <mappingstorage a>: expected another name: the section of line 4 has this one`,
  ],
  "a section whose package is not imported": [
    ZEO + "<zlibstorage>\n<mappingstorage/>\n</zlibstorage>",
    `zeo.conf:4: <zlibstorage>: unknown section: expected "%import zc.zlibstorage" above it`,
  ],
  "a section that ends as another": [
    ZEO + "<mappingstorage>\n</filestorage>",
    `zeo.conf:5: "</filestorage>": expected </mappingstorage>, for the section of line 4`,
  ],
  "a section without an end": [
    ZEO + "<mappingstorage>",
    `zeo.conf:4: <mappingstorage>: expected </mappingstorage> before the end of the file`,
  ],
  "a name that is not defined": [
    ZEO + "<mappingstorage>\nname $who\n</mappingstorage>",
    `zeo.conf:5: <mappingstorage> name "$who": "who" is not defined: expected "%define who …" above it`,
  ],
  "an environment variable that is not set": [
    ZEO + "<mappingstorage>\nname $(WHO)\n</mappingstorage>",
    `zeo.conf:5: <mappingstorage> name "$(WHO)": environment variable WHO is not set, ` +
    `or reading it is not permitted (--allow-env=WHO)`,
  ],
  "a file to include that isn't there": [
    "\n%include more.conf",
    `zeo.conf:2: %include "more.conf": can't read more.conf: no such file`,
  ],
  "a byte order mark": [
    `\ufeff${ZEO}`,
    "zeo.conf:1: the file starts with a byte order mark: expected UTF-8 without one",
  ],
  "a log format with an unknown field": [
    ZEO + "<mappingstorage/>\n<eventlog>\n<logfile>\npath STDOUT\nformat %(colour)q\n</logfile>\n</eventlog>",
    `zeo.conf:8: <logfile> format "%(colour)q": "%(colour)q" at column 1: ` +
    `expected one of d i o u x X e E f F g G c r s a after the field`,
  ],
};

for (const [mistake, [text, message]] of Object.entries(MESSAGES)) {
  Deno.test(`the error for ${mistake} says where it is and what was expected`, () => {
    assertEquals(refusal(text).message, message);
  });
}

Deno.test("an error has the file, the line, the key and the value as fields", () => {
  const error = refusal("<zeo>\naddress 8100\nread-only 1\n</zeo>\n<mappingstorage/>");
  assertEquals(
    [error.file, error.line, error.section, error.key, error.value],
    ["zeo.conf", 3, "zeo", "read-only", "1"],
  );
});

Deno.test("an error about a value from the command line names the option", () => {
  assertEquals(
    refusal(ZEO + "<mappingstorage/>", ["zeo/read-only=1"]).message,
    `-X zeo/read-only=1: <zeo> read-only "1": expected yes, true, on, no, false or off`,
  );
  assertEquals(
    refusal(ZEO + "<mappingstorage/>", ["zoe/read-only=yes"]).message,
    `-X zoe/read-only=yes: there is no section "zoe" in zeo.conf`,
  );
});

Deno.test("an error in an included file names that file", () => {
  const files: Record<string, string> = { "etc/part.conf": "<mappingstorage>\nfoo bar\n</mappingstorage>" };
  const error = assertThrows(
    () =>
      parseServerConfiguration(ZEO + "%include part.conf", { read: (path) => files[path] }, "etc/zeo.conf"),
    ConfigurationError,
  );
  assertEquals([error.file, error.line], ["etc/part.conf", 2]);
});

Deno.test("a password is never part of an error", () => {
  const error = refusal(
    ZEO +
      "<mappingstorage/>\n<eventlog>\n<email-notifier>\nfrom a\nto b\nsmtp-username u\nsmtp-password hidden\n" +
      "smtp-password hidden\n</email-notifier>\n</eventlog>",
  );
  assertEquals([error.key, error.value, error.message.includes("hidden")], [
    "smtp-password",
    undefined,
    false,
  ]);
});

Deno.test("an error stays short and on one line, whatever the value", () => {
  const { message } = refusal(`<zeo>\naddress ${"x".repeat(9999)}\u0007:\u0085y\n</zeo>\n<mappingstorage/>`);
  assert(message.length < 500);
  assert(!/\p{Cc}/u.test(message), message);
});

Deno.test("files that include each other are refused, not read for ever", () => {
  const files: Record<string, string> = { "b.conf": "%include ./c/../b.conf" };
  const read = (path: string) => files[path];
  const error = assertThrows(() => parseServerConfiguration("%include b.conf", { read }), ConfigurationError);
  assertEquals(error.message, `b.conf:1: %include "./c/../b.conf": b.conf includes itself`);
});

Deno.test("chains and trees of includes have an end", () => {
  const chain = (path: string) => `%include ${Number(path) + 1}`;
  assertThrows(() => parseServerConfiguration("%include 1", { read: chain }), ConfigurationError, "32 deep");
  const tree = (path: string) => path.length > 20 ? "" : `%include ${path}a\n%include ${path}b`;
  assertThrows(
    () => parseServerConfiguration("%include x", { read: tree }),
    ConfigurationError,
    "1000 files",
  );
});

Deno.test("defines of defines can't fill the memory", () => {
  let text = "%define a0 xxxxxxxxxx\n";
  for (let i = 1; i < 60; i++) text += `%define a${i} $a${i - 1}$a${i - 1}\n`;
  assertThrows(() => parseServerConfiguration(text), ConfigurationError, "grows beyond");
});

Deno.test("sections can't be nested without end", () => {
  const text = ZEO + "<demostorage>\n".repeat(10_000);
  assertThrows(() => parseServerConfiguration(text), ConfigurationError, "nested more than 64 deep");
});

Deno.test("a configuration file that can't be read is named", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const missing = `${directory}/zeo.conf`;
    const error = assertThrows(() => loadServerConfiguration(missing), ConfigurationError);
    assert(error.message.startsWith(`${missing}: can't read it: `), error.message);
    await Deno.writeFile(missing, Uint8Array.of(0xff, 0xfe, 0x00));
    assertThrows(() => loadServerConfiguration(missing), ConfigurationError, "can't read it");
    assertThrows(
      () => loadServerConfiguration("http://localhost/zeo.conf"),
      ConfigurationError,
      "http: URLs",
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the first mistake of a database configuration is told like a server's", () => {
  const text = "<zodb>\n  cache-size 1000MB\n  <mappingstorage/>\n</zodb>";
  assertEquals(
    assertThrows(() => parseDatabaseConfiguration(text), ConfigurationError).message,
    `zodb.conf:2: <zodb> cache-size "1000MB": expected a number of objects as an integer, for example 5000`,
  );
});

const USAGE: Readonly<Record<string, [args: string[], message: string]>> = {
  "no address": [["-f", "Data.fs"], "no address to listen on: expected -a or -C"],
  "no storage": [["-a", "8100"], "no storage to serve: expected -f or -C"],
  "a positional argument": [
    ["zeo.conf"],
    `unexpected "zeo.conf": name a configuration with -C, a Data.fs with -f`,
  ],
  "an unknown option": [["--colour"], "unknown option --colour"],
  "an ambiguous option": [["--t"], "--t could be --timeout or --test"],
  "an option without its value": [["-C"], "-C needs a value"],
  "an option with a value too many": [["--test=1"], "--test takes no value"],
  "a timeout that is no number": [
    ["-C", "x", "-t", "abc"],
    `-t "abc": expected seconds as a number, for example 30 or 0.5`,
  ],
  "an address that is none": [
    ["-C", "x", "--address", "a b"],
    `--address "a b": expected host:port, port or the path of a socket; a host name has no spaces and isn't empty`,
  ],
  "overrides without a file": [
    ["-a", "1", "-f", "x", "-X", "a/b=c"],
    "-X changes a configuration file: name it with -C",
  ],
};

for (const [mistake, [args, message]] of Object.entries(USAGE)) {
  Deno.test(`a command line with ${mistake} is told what was expected`, () => {
    assertEquals(assertThrows(() => parseServerCommandLine(args), UsageError).message, message);
  });
}

Deno.test("the help text names every option, and its example works", () => {
  const text = usage();
  for (const option of ["-C", "-a", "-f", "-t", "-X", "--pid-file", "--test", "-h", "-v"]) {
    assert(text.includes(option), option);
  }
  const example = text.slice(text.indexOf("  <zeo>"));
  assertEquals(parseServerConfiguration(example).storages.map(({ type }) => type), ["filestorage"]);
});

Deno.test("whoever asks for help or the version gets it, whatever else is wrong", () => {
  assert(parseServerCommandLine(["-h", "-t", "x", "-C", "a", "-C", "b"]).help);
  assert(parseServerCommandLine(["--version"]).version);
  assert(parseServerCommandLine(["-v"]).version);
});

Deno.test("--configuration is another name for --configure", () => {
  assertEquals(parseServerCommandLine(["--configuration", "x"]).configuration, "x");
  assertEquals(parseServerCommandLine(["--conf=x"]).configuration, "x");
});

Deno.test("-f serves files as storages 1, 2 … in place of the configuration's", () => {
  const options = parseServerCommandLine(["-C", "zeo.conf", "-f", "a.fs", "-f", "b.fs", "-t", "2.5"]);
  const { storages, zeo, source } = resolveServerConfiguration(options, {
    read: () => ZEO + "<mappingstorage/>",
    environment: () => undefined,
  });
  assertEquals(storages.map(({ name }) => name), ["1", "2"]);
  assertEquals(storages.map((storage) => storage.type === "filestorage" && storage.path), ["a.fs", "b.fs"]);
  assertEquals([zeo.transactionTimeout, source], [2.5, "zeo.conf"]);
});
