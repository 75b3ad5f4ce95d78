/** The end of the server, as its clients, its operator and its service manager see it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { interopTest, type Peers, Program } from "./peers.ts";

const root = new URL("../../", import.meta.url).pathname;

await interopTest(
  "SIGTERM lets a Python client that has voted finish, and disconnects others",
  async (peers) => {
    await using server = await peers.start({ kind: "ours", zeo: { "stop-timeout": 60 } });
    const { address } = server;
    const python = peers.session(), late = peers.session();
    await python.call("stopping.vote", { address, oid: 1 });
    await late.call("stopping.begin", { address, oid: 2 });
    const stopped = server.stop();
    await server.match(/terminated by SIGTERM/);
    assertEquals(await late.call("stopping.vote_begun"), "ZEO.Exceptions.ClientDisconnected");
    const tid = await python.call<string>("stopping.finish");
    assertEquals((await stopped).code, 0);
    const { lastTransaction } = await check(peers);
    assertEquals(lastTransaction, tid);
  },
);

await interopTest("a transaction that nobody finishes is given up after stop-timeout", async (peers) => {
  await using server = await peers.start({ kind: "ours", zeo: { "stop-timeout": 0.1 } });
  const python = peers.session();
  await python.call("stopping.vote", { address: server.address, oid: 1 });
  assertEquals((await server.stop()).code, 0);
  assertMatch(server.output, /were not finished within 0\.1 seconds: given up/);
  assertMatch(server.output, /closing storage '1'/);
});

await interopTest("the second signal ends the server at once", async (peers) => {
  await using server = await peers.start({
    kind: "ours",
    zeo: { "stop-timeout": 3600, "pid-filename": "zeo.pid" },
  });
  const python = peers.session();
  await python.call("stopping.vote", { address: server.address, oid: 1 });
  await python.call("stopping.signal", { pid: server.pid, number: 2 });
  await server.match(/terminated by SIGINT/);
  assertEquals((await server.stop()).code, 0);
  assertMatch(server.output, /ended before everything was closed/);
  assertMatch(server.output, /removed PID file/);
  const { lastTransaction } = await check(peers);
  assertEquals(lastTransaction, "0".repeat(16));
});

Deno.test("a server that still waits for the one whose storage it serves ends when it is told to", async () => {
  const folder = await Deno.makeTempDir();
  // Nobody listens there.
  const other = `${folder}/other.sock`;
  const storage = `%import ZEO\n<clientstorage>\nserver ${other}\nwait-timeout 3600\n</clientstorage>\n`;
  await Deno.writeTextFile(
    `${folder}/zeo.conf`,
    `<zeo>\naddress ${folder}/own.sock\npid-filename ${folder}/zeo.pid\n</zeo>\n${storage}`,
  );
  await using server = new Program("server.ts", Deno.execPath(), [
    ...["run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write", "--config", `${root}deno.json`],
    ...[`${root}server.ts`, "-C", `${folder}/zeo.conf`],
  ], {});
  await server.match(/opening storage '1' using ClientStorage/);
  assertEquals(await server.stop(), { code: 0, signal: null });
  assertMatch(server.output, /terminated by SIGTERM[^]+removed PID file/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("an error that ends the program is in the log", async () => {
  const folder = await Deno.makeTempDir();
  const failing = `setTimeout(() => Promise.reject(new TypeError("by mistake")));\nexport default {};\n`;
  await Deno.writeTextFile(`${folder}/failing.ts`, failing);
  const zeo = `<zeo>\naddress ${folder}/own.sock\nconflict-resolver ${folder}/failing.ts\n</zeo>`;
  const log = `<eventlog>\n<logfile>\npath ${folder}/zeo.log\n</logfile>\n</eventlog>`;
  await Deno.writeTextFile(`${folder}/zeo.conf`, `${zeo}\n<mappingstorage/>\n${log}\n`);
  await using server = new Program("server.ts", Deno.execPath(), [
    ...["run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write", "--config", `${root}deno.json`],
    ...[`${root}server.ts`, "-C", `${folder}/zeo.conf`],
  ], {});
  assertEquals((await server.ended).code, 1);
  assertMatch(
    await Deno.readTextFile(`${folder}/zeo.log`),
    /CRITICAL ZEO\.runzeo \(\d+\) ended by an error that nobody has expected: TypeError: by mistake\nTraceback/,
  );
  await Deno.remove(folder, { recursive: true });
});

for (const [signal, number, code] of [["SIGTERM", 15, 0], ["SIGINT", 2, 0], ["SIGHUP", 1, 1]] as const) {
  await interopTest(`${signal} ends either server with code ${code}`, async (peers) => {
    const python = peers.session();
    await Promise.all((["ours", "runzeo"] as const).map(async (kind) => {
      const folder = `${peers.folder}/${kind}`;
      await Deno.mkdir(folder);
      await using server = await peers.start({ kind, zeo: { "pid-filename": "zeo.pid" } }, folder);
      assertEquals(await Deno.readTextFile(`${folder}/zeo.pid`), `${server.pid}\n`);
      await python.call("stopping.signal", { pid: server.pid, number });
      await server.match(new RegExp(`(terminated|restarted) by ${signal}`));
      assertEquals((await server.ended).code, code);
      assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name).includes("zeo.pid"), false);
    }));
  });
}

await interopTest("a transaction that takes too long is ended, and the next one goes on", async (peers) => {
  await using server = await peers.start({ kind: "ours", zeo: { "transaction-timeout": 1 } });
  const python = peers.session();
  const found = await python.call<{ waited: number; error: string; current: boolean }>("stopping.overrun", {
    address: server.address,
    oid: 1,
  });
  assertEquals(found.error, "ZEO.Exceptions.ClientDisconnected");
  assert(found.current);
  await server.match(/CRITICAL ZEO\.StorageServer \(127\.0\.0\.1:\d+\) Transaction timeout after 1 seconds/);
});

await interopTest(
  "transactions have 30 seconds, any number that is configured, or all the time with 0",
  async (peers) => {
    const python = peers.session();
    for (const [seconds, watched] of [[undefined, true], [3600, true], [0, "stub"]] as const) {
      const zeo = seconds === undefined ? undefined : { "transaction-timeout": seconds };
      await using server = await peers.start({ kind: "ours", zeo });
      assertEquals(await python.call("stopping.has_timeout", { address: server.address }), watched);
      assertEquals((await server.stop()).code, 0);
    }
  },
);

await interopTest(
  "a service manager is told when the server is ready, reads its files again and stops",
  async (peers) => {
    const python = peers.session();
    const { folder } = peers;
    await python.call("stopping.service_manager", { path: `${folder}/notify` });
    await using server = new Program("server.ts", Deno.execPath(), [
      ...["run", "--no-prompt", "--unstable-net", "--allow-env=NOTIFY_SOCKET,WATCHDOG_USEC,WATCHDOG_PID"],
      ...["--allow-net", "--allow-read", "--allow-write", "--config", `${root}deno.json`, `${root}server.ts`],
      ...["-a", "127.0.0.1:0", "-f", "Data.fs"],
    ], { cwd: folder, env: { NOTIFY_SOCKET: `${folder}/notify`, WATCHDOG_USEC: "" } });
    const [, address] = await server.match(/^listening on (.+)$/m);
    const ready = `READY=1\nMAINPID=${server.pid}\nSTATUS=listening on ${address}`;
    assertEquals(await python.call("stopping.told", { count: 1 }), [ready]);
    server.signal("SIGUSR2");
    assertEquals(await python.call("stopping.told", { count: 3 }), [ready, "RELOADING=1", ready]);
    assertEquals((await server.stop()).code, 0);
    assertEquals(await python.call("stopping.told", { count: 4 }), [
      ...[ready, "RELOADING=1", ready],
      "STOPPING=1\nSTATUS=being stopped",
    ]);
  },
);

await interopTest("a service manager's watchdog hears from the server again and again", async (peers) => {
  const python = peers.session();
  const { folder } = peers;
  await python.call("stopping.service_manager", { path: `${folder}/notify` });
  await using server = new Program("server.ts", Deno.execPath(), [
    ...["run", "--no-prompt", "--unstable-net", "-A", "--config", `${root}deno.json`, `${root}server.ts`],
    ...["-a", "127.0.0.1:0", "-f", "Data.fs"],
  ], { cwd: folder, env: { NOTIFY_SOCKET: `${folder}/notify`, WATCHDOG_USEC: "100000" } });
  const told = await python.call<string[]>("stopping.told", { count: 5 });
  assertEquals(told.filter((message) => message === "WATCHDOG=1").length, 4);
  assertEquals((await server.stop()).code, 0);
});

/** What Python's FileStorage says about the file that a server has left. */
async function check(peers: Peers): Promise<{ lastTransaction: string }> {
  const python = peers.session();
  const path = `${peers.folder}/Data.fs`;
  return { lastTransaction: await python.call<string>("stopping.last_transaction", { path }) };
}
