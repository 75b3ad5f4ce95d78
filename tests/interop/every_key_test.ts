/**
 * One configuration file with every key and every kind of section, for both servers: clients see the same, the same
 * files appear, and the logs say the same.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { createSocket } from "node:dgram";
import { interopTest, type Peers, Program, type ServerKind } from "./peers.ts";

const root = new URL("../../", import.meta.url).pathname;
const conf = new URL("configuration/every_key.conf", import.meta.url).pathname;

/** What a server has left behind. */
interface Left {
  readonly seen: unknown;
  /** The files while it ran, and after. */
  readonly during: readonly string[];
  readonly after: readonly string[];
  /** Lines by where they were written. */
  readonly logs: Readonly<Record<string, readonly string[]>>;
}

/** Receives syslog's datagrams. */
class Syslog implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #socket = createSocket("udp4");

  async start(): Promise<number> {
    this.#socket.on("message", (bytes: Uint8Array) => this.lines.push(new TextDecoder().decode(bytes)));
    await new Promise<void>((resolve) => this.#socket.bind(0, "127.0.0.1", resolve));
    return this.#socket.address().port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function filesOf(folder: string): string[] {
  const files: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) files.push(`${name}/`, ...filesOf(`${folder}/${name}`).map((file) => `${name}/${file}`));
    else files.push(name);
  }
  return files.sort();
}

async function run(peers: Peers, kind: ServerKind): Promise<Left> {
  const folder = `${peers.folder}/${kind}`, above = `${peers.folder}/above-${kind}`;
  for (const path of [folder, above, `${folder}-caches`]) await Deno.mkdir(path);
  const python = peers.session();
  await python.call("every_key.prepare", { folder });
  await using upstream = await peers.start({ kind: "runzeo" }, above);
  await using syslog = new Syslog();
  const posts: string[] = [];
  await using http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const form = new URLSearchParams(await request.text());
    posts.push(`${request.method} ${form.get("levelname")} ${form.get("name")} ${textOf(form)}`);
    return new Response("ok");
  });
  const defines = {
    folder,
    port: freePort(),
    upstream: upstream.address[1],
    syslog: await syslog.start(),
    http: http.addr.port,
    smtp: 1,
  };
  const lines = Object.entries(defines).map(([name, value]) => `%define ${name} ${value}`);
  await Deno.writeTextFile(`${folder}/zeo.conf`, [...lines, `%include ${conf}`, ""].join("\n"));
  const command = kind === "runzeo" ? [`${peers.environment.programs}/runzeo`] : [
    ...[Deno.execPath(), "run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write"],
    ...["--allow-env=PROGRAM", "--allow-sys", "--config", `${root}deno.json`, `${root}server.ts`],
  ];
  await using server = new Program(kind, command[0], [...command.slice(1), "-C", "zeo.conf"], {
    cwd: folder,
    env: { PROGRAM: "server" },
  });
  // No client connects before the server serves, so that nobody's attempts are in the log.
  await server.match(kind === "ours" ? /^listening on 127/m : /listening on \(/);
  const seen = await python.call("every_key.use", {
    address: ["127.0.0.1", defines.port],
    cache: `${folder}-caches`,
  });
  // The server hears that a client is gone some time after the client has left.
  const count = (pattern: RegExp) =>
    Deno.readTextFileSync(`${folder}/plain.log`).matchAll(pattern).toArray().length;
  while (count(/\) disconnected/g) < count(/received handshake/g)) {
    await new Promise((done) => setTimeout(done, 10));
  }
  const during = filesOf(folder);
  assertEquals((await server.stop()).code, 0);
  const log = (name: string) => Deno.readTextFileSync(`${folder}/${name}`).trimEnd().split("\n");
  return {
    seen,
    during,
    after: filesOf(folder),
    logs: {
      stderr: server.output.trimEnd().split("\n").filter((line) => !/^listening on 127/.test(line)),
      plain: log("plain.log"),
      size: [...log("size.log.1"), ...log("size.log")],
      time: log("time.log"),
      safe: log("safe.log"),
      syslog: syslog.lines,
      http: posts,
    },
  };
}

function textOf(form: URLSearchParams): string {
  const args = form.get("args") ?? "()";
  // The original sends the message's pattern and its arguments; what they come to is for the receiver to find out.
  return args === "()" ? form.get("msg")! : `${form.get("msg")} % ${args}`;
}

/**
 * Lines of the parts that say more, or less, about themselves: a client's, ours about its own keys, a search that ours
 * needs not; and those whose place is another, since ours has a directory for blobs before it opens what goes with it.
 */
const OWN =
  /ZEO\.(cache|ClientStorage|asyncio\.client)|asyncio\.client|<runner>|packer is|ClientStorage \(pid|created temporary cache|Connected to storage|packed in|Closing ZEO|Scan backward|create storage|demoblobs|zeo-demo-|known up to/;

/** That a client has gone may be noticed before or after the next one has come: here it always is before. */
function inOrder(lines: readonly string[]): string[] {
  const result: string[] = [];
  for (const line of lines) {
    let at = result.length;
    if (/ disconnected$/.test(line)) { while (at > 0 && COMING.test(result[at - 1])) at--; }
    result.splice(at, 0, line);
  }
  return result;
}

const COMING = /Accepted connection$|Connected ZEO\.asyncio\.server|received handshake/;

function alike(lines: readonly string[]): string[] {
  const told = lines.filter((line) => line !== "" && !OWN.test(line.split("\n")[0])).map((line) =>
    line.replaceAll(/127\.0\.0\.1:\d+/g, "ADDRESS").replaceAll(/\('127\.0\.0\.1', \d+\)/g, "ADDRESS")
      .replace(/\(\d+\)/, "(PID)").replace(/^(\w+ \d+ \S+) \d+/, "$1 PID")
      .replaceAll(/\b\d{18}\b/g, "TID").replace(/pack\(time=[\d.]+\)/, "pack(time=TIME)")
      .replace(/\d+ bytes$/, "BYTES bytes").replace(/0x[0-9a-f]{16} [-\d]+ [:.\d]+/g, "TID")
      .replace(/'[^']*\/(ours|runzeo)\/([\w.]+\/)'/, "'FOLDER/$2'")
      // What a storage calls itself that consists of others, or is somewhere else.
      .replace(/deep:RW:.*$/, "deep:RW:…")
      .replace(/((async )?`'\w+'` raised exception:)[^]*$/, "$1")
  );
  return inOrder(told);
}

/** A line of an exception that the original writes below the line that says what happened. */
function isTraceback(line: string): boolean {
  return /^(Traceback| {2}|[\w.]+(Error|Exception)\b)/.test(line);
}

await interopTest(
  "one configuration file with every key: both servers do the same",
  async (peers, context) => {
    const [theirs, ours] = await Promise.all([run(peers, "runzeo"), run(peers, "ours")]);
    await context.step("clients see the same", () => assertEquals(ours.seen, theirs.seen));
    await context.step("the same files appear, and stay", () => {
      // Python's own scratch file, and what ours keeps beside a file while it runs.
      const kept = (files: readonly string[]) =>
        files.filter((name) =>
          !/\.tmp\d*$|\.ballast$|\.old$|\.blobs?\.old\/|blobs\.old|\.log\.\d$|\.lock$/.test(name)
        )
          .map((name) => name.replace(/0x[0-9a-f]{16}\.blob$/, "TID.blob"));
      assertEquals(kept(ours.during), kept(theirs.during));
      assertEquals(kept(ours.after), kept(theirs.after));
      assert(ours.during.includes("zeo.pid") && !ours.after.includes("zeo.pid"));
      assert(ours.after.includes("size.log.2") && !ours.after.includes("size.log.3"));
      assert(!ours.after.some((name) => /runner\.log|transcript|supervisor|zdsock/.test(name)));
    });
    for (const log of ["plain", "stderr", "time", "safe", "syslog"] as const) {
      await context.step(`${log} has the same lines`, () => {
        const lines = (left: Left) => alike(left.logs[log].filter((line) => !isTraceback(line)));
        assert(lines(theirs).length > 20, `the original has written to ${log}`);
        assertEquals(lines(ours), lines(theirs));
      });
    }
    await context.step("syslog's datagrams are marked alike", () => {
      for (const line of ours.logs.syslog) assertMatch(line, /^<15[0-9]>ZEO\.|^<15[0-9]>ZODB\./);
      assertEquals(ours.logs.syslog[0].slice(0, 5), theirs.logs.syslog[0].slice(0, 5));
    });
    await context.step("the web server is sent every record", () => {
      // A storage's own lines don't tell from their patterns which they are.
      const posted = (left: Left) =>
        alike(left.logs.http).filter((line) => !/ ZODB\./.test(line)).map((line) =>
          line.replace(/ % .*$/, "")
        );
      assertEquals(posted(ours).length, posted(theirs).length);
      const plain = (line: string) => /ZEO\.runzeo/.test(line);
      assertEquals(posted(ours).filter(plain), posted(theirs).filter(plain));
    });
  },
);
