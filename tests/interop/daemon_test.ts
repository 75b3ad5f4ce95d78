/** The server as an operator runs it: without changes, with old clients, with a supervisor. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { interopTest, type Peers, Program, type ServerKind } from "./peers.ts";

const root = new URL("../../", import.meta.url).pathname;
const kinds: readonly ServerKind[] = ["runzeo", "ours"];

/** Runs something with both servers, each in a folder of its own. */
async function both<T>(peers: Peers, run: (kind: ServerKind, folder: string) => Promise<T>): Promise<T[]> {
  return await Promise.all(kinds.map(async (kind) => {
    const folder = `${peers.folder}/${kind}`;
    await Deno.mkdir(folder);
    return await run(kind, folder);
  }));
}

await interopTest("a read-only server refuses changes, and packs", async (peers) => {
  const [theirs, ours] = await both(peers, async (kind, folder) => {
    const python = peers.session();
    {
      await using server = await peers.start({ kind, msgpack: false }, folder);
      await python.call("daemon.fill", { address: server.address, count: 5 });
      await server.stop();
    }
    await using server = await peers.start({
      kind,
      msgpack: false,
      zeo: { "read-only": true, "pid-filename": "x.pid" },
    }, folder);
    const seen = await python.call<Record<string, unknown>>("daemon.read_only", { address: server.address });
    const files = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    assert(!files.includes("x.pid"), "there is no pid file");
    assert(files.includes("Data.fs.old"), "it was packed");
    assertMatch(server.output, /created RO with storages: 1:RW:/);
    const { code } = await server.stop();
    return { seen, code };
  });
  assertEquals(ours, theirs);
  assertEquals([ours.seen.pack, ours.seen.new_oid], [null, "ZODB.POSException.ReadOnlyError"]);
});

await interopTest("zeopack packs a read-only server", async (peers) => {
  const python = peers.session();
  {
    await using server = await peers.start({ kind: "ours" });
    await python.call("daemon.fill", { address: server.address, count: 5 });
    await server.stop();
  }
  await using server = await peers.start({ kind: "ours", zeo: { "read-only": true } });
  assert(typeof server.address !== "string");
  const [host, port] = server.address;
  await using program = new Program(
    "zeopack",
    `${peers.environment.programs}/zeopack`,
    [`${host}:${port}`],
    {},
  );
  assertEquals((await program.ended).code, 0, program.output);
  await server.match(/pack\(time=.*\) complete/);
  assert((await Deno.stat(`${peers.folder}/Data.fs.old`)).isFile);
});

await interopTest(
  "a client with a cache keeps what is still right, after a restart and beyond the queue",
  async (peers) => {
    const count = 30, change = [3, 4, 5, 3, 6, 7, 8];
    for (const [age, kept] of [[undefined, false], [3600, true]] as const) {
      const [theirs, ours] = await both(peers, async (kind, folder) => {
        const python = peers.session();
        const zeo = { "invalidation-queue-size": 2, ...age === undefined ? {} : { "invalidation-age": age } };
        const numbers = Array.from({ length: count }, (_, number) => number);
        {
          await using server = await peers.start({ kind, zeo }, folder);
          const { address } = server;
          await python.call("daemon.changed", { address, numbers });
          await python.call("daemon.cached", { address, cache: `${folder}/cache`, count });
          await python.call("daemon.changed", { address, numbers: change });
          await server.stop();
        }
        await using server = await peers.start({ kind, zeo }, folder);
        return await python.call("daemon.verified", {
          address: server.address,
          cache: `${folder}/cache`,
          count,
        });
      });
      assertEquals(ours, theirs);
      const rest = Array.from({ length: count }, (_, number) => number).filter((number) =>
        !change.includes(number)
      );
      assertEquals(ours, [kept ? rest : [], true]);
      for (const kind of kinds) await Deno.remove(`${peers.folder}/${kind}`, { recursive: true });
    }
  },
);

await interopTest(
  "<runner>: the server goes to its directory and sets its mask, and names what is not for it",
  async (peers) => {
    const { folder } = peers;
    await Deno.mkdir(`${folder}/there`);
    await Deno.writeTextFile(
      `${folder}/zeo.conf`,
      `<runner>
  program server
  directory ${folder}/there
  umask 077
  user nobody
  transcript transcript.log
</runner>
<zeo>
  address 127.0.0.1:0
</zeo>
<filestorage>
  path Data.fs
</filestorage>
`,
    );
    const start = (permissions: string[], args: string[]) =>
      new Program("server.ts", Deno.execPath(), [
        ...["run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write", ...permissions],
        ...["--config", `${root}deno.json`, `${root}server.ts`, "-C", "zeo.conf", ...args],
      ], { cwd: folder });
    {
      await using server = start(["--allow-sys"], []);
      await server.match(/^listening on/m);
      const info = await Deno.stat(`${folder}/there/Data.fs`);
      assertEquals(info.mode! & 0o777, 0o600);
      assertMatch(server.output, /WARNING ZEO\.runzeo <runner> user has no effect here/);
      assertMatch(server.output, /INFO ZEO\.runzeo <runner> is for the supervisor .*: transcript$/m);
      assertEquals((await server.stop()).code, 0);
    }
    await using server = start([], ["-f", "Other.fs", "-a", "./own.sock", "--pid-file", "own.pid"]);
    await server.match(/^listening on/m);
    // What the command line names is meant from where it was typed.
    for (const name of ["Other.fs", "own.sock", "own.pid"]) await Deno.stat(`${folder}/${name}`);
    assertMatch(server.output, /WARNING ZEO\.runzeo <runner> umask has no effect without --allow-sys/);
    assertEquals((await server.stop()).code, 0);
  },
);

await interopTest(
  "zeoctl starts, restarts and stops the server with the example's file",
  async (peers, context) => {
    const { folder } = peers;
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const example = await Deno.readTextFile(`${root}examples/zdaemon.conf`);
    for (const name of ["lib", "log"]) await Deno.mkdir(`${folder}/${name}`);
    const conf = `${folder}/zdaemon.conf`;
    await Deno.writeTextFile(
      conf,
      example.replaceAll("/etc/zeo/zdaemon.conf", conf).replaceAll("/etc/zeo", folder)
        .replaceAll("/var/lib/zeo", `${folder}/lib`).replaceAll("/var/log/zeo", `${folder}/log`)
        .replaceAll("/opt/zeo/server.ts", `--config ${root}deno.json ${root}server.ts`)
        .replaceAll("/opt/zeo", root.slice(0, -1)).replaceAll("/usr/local/bin/deno", Deno.execPath())
        .replaceAll("8100", String(port)),
    );
    const zeoctl = async (command: string) => {
      await using program = new Program("zeoctl", `${peers.environment.programs}/zeoctl`, [
        "-C",
        conf,
        command,
      ], {});
      await program.ended;
      return program.output;
    };
    const pid = async () => Number(await Deno.readTextFile(`${folder}/lib/zeo.pid`));
    const python = peers.session();
    const address = ["127.0.0.1", port];
    const works = async () => assertMatch(String(await python.call("daemon.works", { address })), /^\d+$/);
    try {
      await context.step("start", async () => {
        assertMatch(await zeoctl("start"), /daemon process started/);
        await works();
      });
      await context.step("it comes back when it is killed", async () => {
        const before = await pid();
        Deno.kill(before, "SIGKILL");
        await works();
        assert(await pid() !== before);
      });
      await context.step("restart", async () => {
        const before = await pid();
        assertMatch(await zeoctl("restart"), /daemon process restarted/);
        await works();
        assert(await pid() !== before);
      });
    } finally {
      await context.step("stop", async () => {
        assertMatch(await zeoctl("stop"), /daemon process stopped/);
        assertMatch(await zeoctl("status"), /not running/);
      });
    }
  },
);
