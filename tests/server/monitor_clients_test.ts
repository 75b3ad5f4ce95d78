/** The monitor and those who ask it badly: they must not be in the way of others, and not of the database. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Monitored } from "./monitoring.ts";
import { until } from "./serving.ts";

function connect(monitored: Monitored): Promise<Deno.Conn> {
  const { address } = monitored.monitor;
  return Deno.connect(address as Deno.ConnectOptions);
}

async function ask(monitored: Monitored, request: string): Promise<string> {
  using conn = await connect(monitored);
  await conn.write(new TextEncoder().encode(request));
  return await new Response(conn.readable).text();
}

Deno.test("those who connect to the monitor and ask for nothing are few at a time, and others are answered", async () => {
  await using monitored = await Monitored.start();
  const idle: Deno.Conn[] = [];
  let closed = 0;
  const waiting: Promise<unknown>[] = [];
  for (let i = 0; i < 300; i++) {
    const conn = await connect(monitored);
    idle.push(conn);
    if (i % 2) await conn.write(new TextEncoder().encode("GET /metrics HTTP/1.1\r\nhost: ")).catch(() => {});
    waiting.push(conn.read(new Uint8Array(1)).catch(() => null).then(() => closed++));
  }
  await until(() => closed >= 200, "the oldest are left");
  assertEquals((await monitored.ready())[0], 200);
  assert(closed < 300);
  for (const conn of idle) conn.close();
  await Promise.all(waiting);
});

Deno.test("one who reads nothing doesn't keep the monitor from closing, nor one who waits for a page", async () => {
  await using monitored = await Monitored.start();
  const pages = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
  const conns = await Promise.all(Array.from({ length: 8 }, () => connect(monitored)));
  for (const conn of conns) await conn.write(new TextEncoder().encode(pages));
  await monitored.monitor.close();
  for (const conn of conns) conn.close();
});

Deno.test("what is no request, or too long for one, is told so", async () => {
  await using monitored = await Monitored.start();
  const host = "host: x\r\n\r\n";
  for (const bad of ["nonsense\r\n\r\n", `GET  HTTP/1.1\r\n${host}`, `GET / HTTP/3\r\n${host}`]) {
    assertMatch(await ask(monitored, bad), /^HTTP\/1\.1 400 Bad Request\r\n/, bad);
  }
  const long = `GET /metrics HTTP/1.1\r\nx: ${"x".repeat(20_000)}`;
  assertMatch(await ask(monitored, long), /^HTTP\/1\.1 400 Bad Request\r\n/);
  for (const odd of ["/%zz", "//metrics", "http://[::x/", "*"]) {
    assertMatch(await ask(monitored, `GET ${odd} HTTP/1.1\r\n${host}`), /^HTTP\/1\.1 404 Not Found\r\n/, odd);
  }
  for (const target of ["/readyz", "http://db.example.com:8101/readyz?x"]) {
    const answer = await ask(monitored, `GET ${target} HTTP/1.0\r\n\r\n`);
    assertMatch(answer, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n\{"ready":true,/, target);
  }
});

Deno.test("the content of a request is of no interest, however much it is", async () => {
  await using monitored = await Monitored.start();
  const response = await monitored.fetch("/metrics", { method: "POST", body: new Uint8Array(300_000) });
  assertEquals([response.status, (await response.json()).error], [405, "only GET and HEAD"]);
});
