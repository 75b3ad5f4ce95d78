import { getLogger } from "@logtape/logtape";
import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import {
  configureEventlog,
  DATE_FORMAT,
  EventlogError,
  type HandlerOptions,
  type HttpHandler,
  LOGFILE_FORMAT,
  type LogfileHandler,
  type LogHandler,
  type SyslogHandler,
} from "../../config/eventlog.ts";

const OPTIONS: HandlerOptions = {
  position: { file: "zeo.conf", line: 7 },
  format: "%(levelname)s %(name)s %(message)s",
  dateformat: DATE_FORMAT,
  level: 0,
  style: "classic",
  arbitraryFields: false,
};

function logfile(path: string, changes: Partial<LogfileHandler> = {}): LogfileHandler {
  const rotation = { oldFiles: 0, maxSize: 0, when: "", interval: 0, delay: false };
  return { type: "logfile", ...OPTIONS, ...rotation, path, ...changes };
}

function syslog(changes: Partial<SyslogHandler> = {}): SyslogHandler {
  return {
    type: "syslog",
    ...OPTIONS,
    facility: "user",
    address: { host: "localhost", port: 514 },
    ...changes,
  };
}

function http(changes: Partial<HttpHandler> = {}): HttpHandler {
  return { type: "http-logger", ...OPTIONS, url: "http://localhost/", method: "GET", ...changes };
}

async function inFolder(run: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await run(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const server = getLogger(["zeo", "server"]);

Deno.test("lines carry the logger names that log parsers know", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/log`;
    {
      await using _log = configureEventlog({ level: 20, handlers: [logfile(path)] });
      getLogger(["zeo", "runzeo"]).info("one");
      server.warn("two");
      getLogger(["zeo", "server", "connection"]).error("listening on {address}", {
        address: "('::1', 8100)",
      });
      getLogger(["zeo", "storage", "file"]).fatal("four");
      getLogger(["zeo", "storage", "blob"]).info("five");
      getLogger(["my-app", "orders"]).info("six");
    }
    server.error("after close");
    assertEquals(Deno.readTextFileSync(path).split("\n"), [
      "INFO ZEO.runzeo one",
      "WARNING ZEO.StorageServer two",
      "ERROR ZEO.asyncio.server listening on ('::1', 8100)",
      "CRITICAL ZODB.FileStorage four",
      "INFO ZODB.blob five",
      "INFO my-app.orders six",
      "",
    ]);
  });
});

Deno.test("blather lies between debug and info", async () => {
  await inFolder(async (folder) => {
    const seen: Record<number, string> = {};
    for (const level of [0, 1, 5, 10, 11, 15, 16, 20, 50]) {
      const path = `${folder}/${level}`;
      await using _log = configureEventlog({ level, handlers: [logfile(path, { format: "%(levelname)s" })] });
      server.trace("");
      server.debug("");
      server.debug("", { blather: true });
      server.info("");
      server.fatal("");
      seen[level] = Deno.readTextFileSync(path).trim().replaceAll("\n", " ");
    }
    assertEquals(seen, {
      0: "TRACE DEBUG BLATHER INFO CRITICAL",
      1: "TRACE DEBUG BLATHER INFO CRITICAL",
      5: "TRACE DEBUG BLATHER INFO CRITICAL",
      10: "DEBUG BLATHER INFO CRITICAL",
      11: "BLATHER INFO CRITICAL",
      15: "BLATHER INFO CRITICAL",
      16: "INFO CRITICAL",
      20: "INFO CRITICAL",
      50: "CRITICAL",
    });
  });
});

Deno.test("a handler takes records from its own level on", async () => {
  await inFolder(async (folder) => {
    const handlers = [logfile(`${folder}/all`), logfile(`${folder}/errors`, { level: 40 })];
    await using _log = configureEventlog({ level: 20, handlers });
    server.info("fine");
    server.error("broken");
    assertEquals(
      Deno.readTextFileSync(`${folder}/all`),
      "INFO ZEO.StorageServer fine\nERROR ZEO.StorageServer broken\n",
    );
    assertEquals(Deno.readTextFileSync(`${folder}/errors`), "ERROR ZEO.StorageServer broken\n");
  });
});

Deno.test("a <logger> has its own level and handlers, and passes records on if it propagates", async () => {
  await inFolder(async (folder) => {
    const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`).trim().split("\n");
    await using _log = configureEventlog({ level: 30, handlers: [logfile(`${folder}/root`)] }, [
      { name: "ZODB", level: 10, propagate: true, handlers: [logfile(`${folder}/zodb`)] },
      { name: "ZEO.asyncio", level: 20, propagate: false, handlers: [logfile(`${folder}/net`)] },
      { name: "ZEO.cache", level: 0, propagate: true, handlers: [] },
    ]);
    getLogger(["zeo", "storage", "file"]).debug("to both");
    getLogger(["zeo", "server", "connection"]).info("to net");
    getLogger(["zeo", "server", "connection"]).debug("too low");
    getLogger(["zeo", "cache"]).info("too low");
    getLogger(["zeo", "cache"]).warn("to root");
    server.info("too low");
    assertEquals(read("root"), ["DEBUG ZODB.FileStorage to both", "WARNING ZEO.cache to root"]);
    assertEquals(read("zodb"), ["DEBUG ZODB.FileStorage to both"]);
    assertEquals(read("net"), ["INFO ZEO.asyncio.server to net"]);
  });
});

Deno.test("an error that was logged prints its traceback", async () => {
  await inFolder(async (folder) => {
    await using _log = configureEventlog({ level: 20, handlers: [logfile(`${folder}/log`)] });
    server.error("While voting", new RangeError("too far"));
    const lines = Deno.readTextFileSync(`${folder}/log`).trim().split("\n");
    assertEquals(lines.slice(0, 2), [
      "ERROR ZEO.StorageServer While voting",
      "Traceback (most recent call last):",
    ]);
    assertMatch(lines.at(-2)!, /^ {2}File ".*eventlog_test\.ts", line \d+, in /);
    assertEquals(lines.at(-1), "RangeError: too far");
  });
});

Deno.test("a format that asks where the call was made gets it", async () => {
  await inFolder(async (folder) => {
    const format = "%(filename)s %(module)s";
    await using _log = configureEventlog({ level: 20, handlers: [logfile(`${folder}/log`, { format })] });
    server.info("here");
    assertEquals(Deno.readTextFileSync(`${folder}/log`), "eventlog_test.ts eventlog_test\n");
  });
});

Deno.test("reopen writes to a new file after the old one was moved away", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/log`;
    await using log = configureEventlog({ level: 20, handlers: [logfile(path)] });
    server.info("one");
    Deno.renameSync(path, `${path}.old`);
    server.info("two");
    log.reopen();
    server.info("three");
    assertEquals(
      Deno.readTextFileSync(`${path}.old`),
      "INFO ZEO.StorageServer one\nINFO ZEO.StorageServer two\n",
    );
    assertEquals(Deno.readTextFileSync(path), "INFO ZEO.StorageServer three\n");
  });
});

Deno.test("reopen rotates a file that is rotated", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/log`;
    const handler = logfile(path, { maxSize: 1_000_000, oldFiles: 2 });
    await using log = configureEventlog({ level: 20, handlers: [handler] });
    server.info("one");
    log.reopen();
    server.info("two");
    assertEquals(Deno.readTextFileSync(`${path}.1`), "INFO ZEO.StorageServer one\n");
    assertEquals(Deno.readTextFileSync(path), "INFO ZEO.StorageServer two\n");
  });
});

Deno.test("a file is appended to, and a delayed one opened by its first line", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/log`;
    Deno.writeTextFileSync(path, "before\n");
    const handlers = [logfile(path), logfile(`${folder}/delayed`, { delay: true })];
    await using _log = configureEventlog({ level: 20, handlers });
    assertEquals(Array.from(Deno.readDirSync(folder), (entry) => entry.name), ["log"]);
    server.info("after");
    assertEquals(Deno.readTextFileSync(path), "before\nINFO ZEO.StorageServer after\n");
    assertEquals(Deno.readTextFileSync(`${folder}/delayed`), "INFO ZEO.StorageServer after\n");
  });
});

Deno.test("a file that can't be opened is an error that names file, line and path; nothing stays open", async () => {
  await inFolder((folder) => {
    const handlers = [logfile(`${folder}/log`), logfile(`${folder}/missing/log`)];
    const error = assertThrows(() => configureEventlog({ level: 20, handlers }), EventlogError);
    assertStringIncludes(error.message, `zeo.conf:7: <logfile> path "${folder}/missing/log" can't be opened`);
    assertEquals([error.file, error.line], ["zeo.conf", 7]);
  });
});

const refused: [reason: string, handler: LogHandler][] = [
  [
    'format "%(nope)s": unknown field "nope": expected one of asctime',
    logfile("STDOUT", { format: "%(nope)s" }),
  ],
  ["cannot rotate STDOUT", logfile("STDOUT", { maxSize: 1, oldFiles: 1 })],
  ["cannot delay opening STDERR", logfile("STDERR", { delay: true })],
  ["cannot specify encoding for STDOUT", logfile("STDOUT", { encoding: "utf-8" })],
  ["old-files must be set for log rotation", logfile("log", { maxSize: 1 })],
  ["old-files must be set for log rotation", logfile("log", { when: "D" })],
  ["can't have both max-size and when", logfile("log", { maxSize: 1, when: "D", oldFiles: 1 })],
  ["expected max-size or when", logfile("log", { oldFiles: 1 })],
  ["expected max-size or when", logfile("log", { interval: 1 })],
  ['when "W7": expected S, M, H, D, midnight', logfile("log", { when: "W7", oldFiles: 1 })],
  ['old-files "-1": expected an integer from 0 to', logfile("log", { maxSize: 1, oldFiles: -1 })],
  ['encoding "ebcdic": expected utf-8', logfile("log", { encoding: "ebcdic" })],
  ['level "99": expected an integer from 0 to 50', logfile("log", { level: 99 })],
  ['facility "local8": expected one of kern', syslog({ facility: "local8" })],
  ['url "https://host/": expected an http address', http({ url: "https://host/" })],
  ['url "http:///path": expected an http address', http({ url: "http:///path" })],
  ["<win32-eventlog> is not supported", { ...OPTIONS, type: "win32-eventlog" }],
];

Deno.test("a handler that can't work as configured is refused, naming file and line", () => {
  for (const [reason, handler] of refused) {
    const error = assertThrows(() => configureEventlog({ level: 20, handlers: [handler] }), EventlogError);
    assertStringIncludes(error.message, reason);
    assertMatch(error.message, /^zeo\.conf:7: </);
  }
});

Deno.test("http-logger sends each record as a form, by GET and by POST", async () => {
  const requests: [method: string, path: string, form: URLSearchParams][] = [];
  await using web = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const url = new URL(request.url);
    const body = request.method === "POST" ? new URLSearchParams(await request.text()) : url.searchParams;
    requests.push([request.method, url.pathname, body]);
    return new Response("ok");
  });
  const url = `http://127.0.0.1:${web.addr.port}/log`;
  {
    const handlers = [http({ url: `${url}?site=1` }), http({ url, method: "POST" })];
    await using log = configureEventlog({ level: 20, handlers });
    server.info("a & b = {c}", { c: "ü" });
    await log.flush();
  }
  assertEquals(requests.map(([method, path]) => `${method} ${path}`).sort(), ["GET /log", "POST /log"]);
  for (const [method, , form] of requests) {
    // The names and their order are what Python's HTTPHandler sends.
    const names =
      "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno " +
      "funcName created msecs relativeCreated thread threadName processName process";
    assertEquals([...form.keys()].filter((key) => key !== "site"), names.split(" "));
    assertEquals([form.get("msg"), form.get("levelno")], ["a & b = ü", "20"]);
    assertEquals(form.get("site"), method === "GET" ? "1" : null);
  }
});

Deno.test("syslog sends a datagram for each record", async () => {
  const { createSocket } = await import("node:dgram");
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const received = new Promise<string>((resolve) =>
    socket.once("message", (data) => resolve(data.toString()))
  );
  {
    const address = { host: "127.0.0.1", port: socket.address().port };
    await using _log = configureEventlog({ level: 20, handlers: [syslog({ address, facility: "daemon" })] });
    server.error("broken");
  }
  assertEquals(await received, "<27>ERROR ZEO.StorageServer broken\0");
  await new Promise<void>((resolve) => socket.close(() => resolve()));
});

Deno.test("syslog reaches a Unix stream socket, too", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/log.sock`;
    using listener = Deno.listen({ transport: "unix", path });
    const received = listener.accept().then(async (conn) => new TextDecoder().decode(await readAll(conn)));
    {
      await using _log = configureEventlog({ level: 20, handlers: [syslog({ address: { path } })] });
      server.info("one");
      server.warn("two");
    }
    assertEquals(await received, "<14>INFO ZEO.StorageServer one\0<12>WARNING ZEO.StorageServer two\0");
  });
});

async function readAll(conn: Deno.Conn): Promise<Uint8Array> {
  return new Uint8Array(await new Response(conn.readable).arrayBuffer());
}

const PROGRAM = `
import { configureEventlog } from "${new URL("../../config/eventlog.ts", import.meta.url)}";
import { getLogger } from "@logtape/logtape";
const handler = (path, changes = {}) => ({
  type: "logfile", position: { file: "zeo.conf", line: 3 }, format: "%(message)s", dateformat: "", level: 0,
  style: "classic", arbitraryFields: false, path, oldFiles: 0, maxSize: 0, when: "", interval: 0, delay: false,
  ...changes,
});
const unreachable = { ...handler(""), type: "http-logger", url: "http://127.0.0.1:1/", method: "GET" };
const sections = {
  absent: undefined,
  streams: { level: 20, handlers: [handler("STDOUT"), handler("STDERR")] },
  unreachable: { level: 20, handlers: [unreachable] },
};
const log = configureEventlog(sections[Deno.args[0]]);
getLogger(["zeo", "server"]).debug("hidden");
getLogger(["zeo", "server"]).info("shown");
getLogger(["zeo", "server"]).info("shown again");
await log.flush();
`;

async function runProgram(section: string): Promise<{ out: string; err: string }> {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/program.ts`, PROGRAM);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--no-prompt",
        "--allow-net",
        "--config",
        config,
        `${folder}/program.ts`,
        section,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals(success, true, err);
    return { out, err };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("without an <eventlog>, INFO and above go to standard error in the original's format", async () => {
  assertEquals(LOGFILE_FORMAT.startsWith("------\n"), true);
  const { out, err } = await runProgram("absent");
  assertEquals(out, "");
  assertMatch(
    err,
    /^------\n\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d INFO ZEO\.StorageServer shown\n------\n.* shown again\n$/,
  );
});

Deno.test("STDOUT and STDERR are the standard streams", async () => {
  assertEquals(await runProgram("streams"), { out: "shown\nshown again\n", err: "shown\nshown again\n" });
});

Deno.test("a receiver that can't be reached is complained about once, on standard error", async () => {
  const { err } = await runProgram("unreachable");
  assertMatch(err, /^zeo\.conf:3: <http-logger>: lines can't be logged: .*\n$/);
});
