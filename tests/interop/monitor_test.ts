/** What a server says of itself, as Python's clients and its monitoring plug-in hear it: the same from both servers. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  encodings,
  interopTest,
  type Json,
  type Peers,
  type Server,
  type ServerKind,
  type ServerOptions,
} from "./peers.ts";

/** A stage of a server's life, and what its status was then: keys in their order, values as Python writes them. */
type Stage = readonly [name: string, status: [key: string, value: string][]];

/** An exit code and what was printed. */
type Words = readonly [code: number | null, text: string];

/** Starts one of each kind, in folders of their own. */
async function both(
  peers: Peers,
  options: (kind: ServerKind) => ServerOptions,
): Promise<readonly [ours: Server, theirs: Server]> {
  const start = async (kind: ServerKind) => {
    const folder = `${peers.folder}/${kind}`;
    await Deno.mkdir(folder);
    return await peers.start({ ...options(kind), kind }, folder);
  };
  return await Promise.all([start("ours"), start("runzeo")]);
}

for (const { name, msgpack } of encodings) {
  await interopTest(`the status is that of Python's server at every stage, ${name}`, async (peers) => {
    // Without the key the original waits for ever, and ours as long as the original's guide says.
    const forEver = (kind: ServerKind) => kind === "ours" ? { "transaction-timeout": 0 } : undefined;
    const zeo = (kind: ServerKind) => msgpack ? forEver(kind) : { "transaction-timeout": 50 };
    const [ours, theirs] = await both(peers, (kind) => ({ msgpack, zeo: zeo(kind) }));
    const python = peers.session();
    const life = ({ address }: Server) => python.call<Stage[]>("monitor.life", { address });
    const expected = await life(theirs);
    // The original has this key and leaves it at 0; ours counts.
    const resolved = expected.findIndex(([name]) => name === "a conflict, resolved");
    assert(resolved > 0);
    for (const [, status] of expected.slice(resolved)) {
      const entry = status.find(([key]) => key === "conflicts_resolved")!;
      assertEquals(entry[1], "0");
      entry[1] = "1";
    }
    assertEquals(await life(ours), expected);
  });
}

await interopTest("the monitoring plug-in says the same of both servers", async (peers, context) => {
  const storages = [
    "<mappingstorage 1>\n</mappingstorage>",
    "<mappingstorage second>\n</mappingstorage>",
  ].join("\n");
  const servers = await both(peers, () => ({ storages, zeo: { "transaction-timeout": 50 } }));
  const python = peers.session();

  async function same(call: string, args: Record<string, Json> = {}): Promise<Words> {
    const [ours, theirs] = await Promise.all(servers.map(({ address, kind }) => {
      const own: Record<string, Json> = { address, ...args };
      if (args.status !== undefined) own.status = `${peers.folder}/${kind}/${args.status}`;
      return python.call<Words>(call, own);
    }));
    assertEquals(ours, theirs);
    return ours;
  }

  await context.step("storages without transactions are a warning", async () => {
    assertEquals(await same("monitor.nagios"), [1, "Empty storage '1'\nEmpty storage 'second'\n"]);
  });
  await context.step("one is still empty", async () => {
    for (const { address } of servers) await python.call("monitor.commits", { address, name: "1", count: 3 });
    assertEquals(await same("monitor.nagios"), [1, "Empty storage 'second'\n"]);
  });
  await context.step("none is: all is well", async () => {
    for (const { address } of servers) {
      await python.call("monitor.commits", { address, name: "second", count: 1 });
    }
    assertEquals(await same("monitor.nagios"), [null, "OK\n"]);
  });
  await context.step("numbers of the moment", async () => {
    const [code, text] = await same("monitor.voted", { name: "second" });
    assertEquals(code, null);
    assertMatch(text, /^OK\|active_txns=0\n/);
    assertMatch(text, /\n second:active_txns=1\n second:connections=1\n second:waiting=0\n$/);
  });
  await context.step("rates since the last time", async () => {
    await same("monitor.nagios", { metrics: true, status: "status" });
    for (const { address } of servers) {
      await python.call("monitor.commits", { address, name: "second", count: 5 });
    }
    const [code, text] = await same("monitor.nagios", { metrics: true, status: "status", seconds_later: 30 });
    assertEquals(code, null);
    assertMatch(text, /\n second:commits=10\.0\n/);
    const later = { metrics: true, status: "status", seconds_later: 7, unit: "days" };
    assertMatch((await same("monitor.nagios", later))[1], /\n second:commits=0\.0\n/);
  });
});

await interopTest(
  "the plug-in reaches a server on a Unix socket, and none that isn't there",
  async (peers) => {
    const server = await peers.start({ address: `${peers.folder}/zeo.sock` });
    const python = peers.session();
    const nagios = () => python.call<Words>("monitor.nagios", { address: server.address });
    assertEquals(await nagios(), [1, "Empty storage '1'\n"]);
    await server.stop();
    const [code, text] = await nagios();
    assertEquals(code, 2);
    assertMatch(text, /^Can't connect /);
  },
);

await interopTest("the monitor of the configuration counts what Python's clients do", async (peers) => {
  const server = await peers.start({ kind: "ours", zeo: { monitor: 0 } });
  const [, port] = await server.match(/monitor listening on 127\.0\.0\.1:(\d+)/);
  const page = async (path: string) => await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  const python = peers.session();
  await python.call("monitor.commits", { address: server.address, name: "1", count: 3 });
  const metrics = await page("/metrics");
  for (const [name, value] of [["commits", 3], ["stores", 3], ["loads", 6], ["aborts", 0]]) {
    assertMatch(metrics, new RegExp(`^zeo_${name}_total\\{storage="1"\\} ${value}$`, "m"));
  }
  assertEquals(JSON.parse(await page("/readyz")).ready, true);
  assertEquals((await server.stop()).code, 0);
});
