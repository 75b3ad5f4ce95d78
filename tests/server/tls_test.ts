/** A server with TLS under bad input: whoever is slow, or doesn't know how, is in nobody else's way. */

import { timingSafeEqual } from "node:crypto";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Address,
  connect,
  Framer,
  type Message,
  msgpackCodec,
  Output,
  TlsError,
  type TlsTransport,
  type Transport,
} from "../../protocol/mod.ts";
import type { Value } from "../../pickle/mod.ts";
import type { StorageServer, TlsServerOptions } from "../../server/mod.ts";
import { MappingStorage } from "../../storage/mod.ts";
import { MAX_TID, NO_TID, oid, oidBytes, tidBytes } from "../../values/mod.ts";
import { tlsIdentity, tlsText } from "../fixtures/tls/mod.ts";
import { CapturedLog, Serving, type ServingOptions, until } from "./serving.ts";

const options: TlsServerOptions = { ...tlsIdentity("server"), authenticate: tlsText("client.pem") };

/** A client with TLS that calls one thing after the other. */
class Client implements AsyncDisposable {
  readonly transport: Transport;
  readonly #framer = new Framer(64 << 20);
  readonly #out = new Output();

  private constructor(transport: Transport) {
    this.transport = transport;
  }

  static async connect(address: Address, ca = "server", identity: string | null = "client"): Promise<Client> {
    const tls = { ca: tlsText(`${ca}.pem`), ...identity && tlsIdentity(identity) };
    const client = new Client(await connect(address, { tls }));
    try {
      await client.#introduce();
      return client;
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #introduce(): Promise<void> {
    assertEquals(new TextDecoder().decode(await this.receive()), "M5");
    const start = this.#out.beginFrame();
    this.#out.append(new TextEncoder().encode("M5"));
    this.#out.endFrame(start);
    this.add("register", "1", false);
    await this.send();
    await this.answer();
  }

  add(name: string, ...args: Value[]): void {
    const start = this.#out.beginFrame();
    msgpackCodec.encode(this.#out, 1, false, name, args);
    this.#out.endFrame(start);
  }

  async send(): Promise<void> {
    const bytes = this.#out.take();
    for (let sent = 0; sent < bytes.length;) sent += await this.transport.write(bytes.subarray(sent));
    this.#out.recycle(bytes);
  }

  async receive(): Promise<Uint8Array> {
    while (!this.#framer.next()) {
      const count = await this.transport.read(this.#framer.space());
      if (count === null) throw new Error("the server has closed the connection");
      this.#framer.filled(count);
    }
    return this.#framer.buffer.slice(this.#framer.start, this.#framer.end);
  }

  async answer(): Promise<Message> {
    return msgpackCodec.decode(await this.receive());
  }

  async ping(): Promise<void> {
    this.add("lastTransaction");
    await this.send();
    await this.answer();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.transport.close();
    await (this.transport as TlsTransport).closed;
  }
}

function start(rest: ServingOptions = {}): Promise<Serving> {
  return Serving.start({ tls: options, ...rest });
}

async function connectPlainly(address: Address): Promise<Deno.TcpConn> {
  if (address.transport !== "tcp") throw new TypeError("expected a TCP port");
  return await Deno.connect({ hostname: address.hostname, port: address.port });
}

/** Reads until the other side has closed, one way or the other. */
async function untilClosed(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    while (await conn.read(buffer) !== null);
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
}

Deno.test("garbage instead of a TLS handshake is told once, and others are served", async () => {
  await using log = await CapturedLog.start();
  await using serving = await start();
  await using other = await Client.connect(serving.address);
  const garbage = [
    new TextEncoder().encode("GET / HTTP/1.1\r\nHost: here\r\n\r\n"),
    // A ZEO client without TLS.
    new Uint8Array([0, 0, 0, 2, 0x4d, 0x35]),
    // A record that says it is a handshake, with nothing that is one in it.
    new Uint8Array([22, 3, 1, 0, 16, ...new Uint8Array(16).fill(0xff)]),
    new Uint8Array(100_000).fill(0xff),
  ];
  for (const [index, bytes] of garbage.entries()) {
    using conn = await connectPlainly(serving.address);
    const { port } = conn.localAddr;
    try {
      await conn.write(bytes);
      // Four bytes may be waited for more of: then it is the client who leaves.
      if (index === 1) await conn.closeWrite();
      await untilClosed(conn);
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset)) {
        throw error;
      }
    }
    const line = new RegExp(`warning TLS handshake with 127\\.0\\.0\\.1:${port} failed: .`);
    await until(() => log.matching(line).length === 1, `a line for garbage ${index}`);
    await other.ping();
  }
  await using _later = await Client.connect(serving.address);
  assertEquals(log.matching(/error/), []);
});

Deno.test("a client that never finishes its handshake holds nobody up, and is left after a while", async () => {
  await using log = await CapturedLog.start();
  await using serving = await start({ tls: { ...options, handshakeTimeout: 300 } });
  using silent = await connectPlainly(serving.address);
  using begun = await connectPlainly(serving.address);
  // The start of a record that goes on for longer.
  await begun.write(new Uint8Array([22, 3, 1, 2, 0, 1]));
  await using other = await Client.connect(serving.address);
  await other.ping();
  await untilClosed(silent);
  await untilClosed(begun);
  for (const { localAddr } of [silent, begun]) {
    const line = new RegExp(
      `warning TLS handshake with 127\\.0\\.0\\.1:${localAddr.port} failed: not done within 0.3 s`,
    );
    await until(() => log.matching(line).length === 1, "a line that says who was left");
  }
  await other.ping();
});

Deno.test("a server with TLS can be closed while hands are being shaken", async () => {
  const serving = await start();
  using silent = await connectPlainly(serving.address);
  await using client = await Client.connect(serving.address);
  await client.ping();
  await serving[Symbol.asyncDispose]();
  await untilClosed(silent);
});

Deno.test("connections that shake hands count among those that a server takes", async () => {
  await using log = await CapturedLog.start();
  await using serving = await start({ maxConnections: 2 });
  const silent = await connectPlainly(serving.address);
  await using client = await Client.connect(serving.address);
  await assertRejects(() => Client.connect(serving.address));
  assertEquals(
    log.matching(/warning connection from 127\.0\.0\.1:\d+ refused: there are 2 already/).length,
    1,
  );
  silent.close();
  await until(
    () => log.matching(/it left before the handshake was done/).length === 1,
    "the silent one is gone",
  );
  await using _another = await Client.connect(serving.address);
  await client.ping();
});

Deno.test("clients without a trusted certificate are refused before a message, and told apart in the log", async () => {
  const cases: [identity: string, reason: RegExp][] = [
    ["other", /its certificate is not among those that are trusted/],
    ["impostor", /its certificate is not/],
    ["member", /its certificate is not signed by one that is trusted/],
    ["expired", /its certificate has expired/],
    ["expiredleaf", /its certificate has expired/],
    ["webserver", /its certificate is not for clients/],
    // Signed by one that is trusted and has expired, and by one that is trusted and no authority.
    ["lapsed", /its certificate is not signed by one that is trusted/],
    ["underling", /its certificate is not signed by one that is trusted/],
  ];
  const trusted = ["client", "expired", "expiredleaf", "webserver", "leaf"].map((name) =>
    tlsText(`${name}.pem`)
  );
  await using log = await CapturedLog.start();
  await using serving = await start({ tls: { ...options, authenticate: trusted } });
  for (const [identity, reason] of cases) {
    await assertRejects(
      () => Client.connect(serving.address, "server", identity),
      Error,
      undefined,
      identity,
    );
    await until(() => log.matching(/TLS handshake/).length > 0, "a line about it");
    const [line, ...others] = log.matching(/TLS handshake/);
    assert(reason.test(line), `${identity}: ${line}`);
    assertEquals(others, []);
    log.lines.length = 0;
  }
  await assertRejects(() => Client.connect(serving.address, "server", null));
  await until(() => log.matching(/TLS handshake .* it has no certificate/).length === 1, "a line about it");
  await using _client = await Client.connect(serving.address);
});

Deno.test("a server that trusts no client refuses all", async () => {
  await using serving = await start({ tls: { ...options, authenticate: [] } });
  for (const identity of ["client", "server", "webserver"]) {
    await assertRejects(
      () => Client.connect(serving.address, "server", identity),
      Error,
      undefined,
      identity,
    );
  }
});

Deno.test("a client that is cut off within a record is gone without an error", async () => {
  await using log = await CapturedLog.start();
  await using serving = await start();
  // A relay that passes on what it gets until it is told to cut the next record in two.
  using relay = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let cut = false;
  const relaying = (async () => {
    using near = await relay.accept();
    using far = await connectPlainly(serving.address);
    const back = far.readable.pipeTo(near.writable, { preventClose: true }).catch(() => {});
    const buffer = new Uint8Array(1 << 16);
    for (let count = await near.read(buffer); count !== null; count = await near.read(buffer)) {
      const bytes = buffer.subarray(0, cut ? count >> 1 : count);
      for (let sent = 0; sent < bytes.length;) sent += await far.write(bytes.subarray(sent));
      if (cut) break;
    }
    await far.closeWrite();
    await back;
  })().catch(() => {});
  await using client = await Client.connect({ ...relay.addr, transport: "tcp" });
  assertEquals(serving.server.connections, 1);
  cut = true;
  client.add("loadBefore", oidBytes(oid(0)), tidBytes(MAX_TID));
  await client.send();
  await until(() => serving.server.connections === 0, "the connection is over");
  assertEquals(log.matching(/error/), []);
  await using _another = await Client.connect(serving.address);
  client.transport.close();
  await relaying;
});

Deno.test("a client with TLS that reads slowly gets everything, and the server holds little of it", async () => {
  const storage = new MappingStorage();
  const size = 4 << 20;
  const data = new Uint8Array(size).map((_, i) => i * 7 + (i >> 8));
  const nothing = new Uint8Array();
  const transaction = storage.begin({ user: nothing, description: nothing, extension: nothing });
  transaction.store(oid(0), NO_TID, data);
  await transaction.vote();
  await transaction.finish();
  await using serving = await start({ storage });
  await using slow = await Client.connect(serving.address);
  await using other = await Client.connect(serving.address);
  const wanted = 24;
  for (let i = 0; i < wanted; i++) slow.add("loadBefore", oidBytes(oid(0)), tidBytes(MAX_TID));
  await slow.send();
  const loads = () => serving.server.measureStorages()[0].statistics.loads;
  await until(() => loads() > 0, "it has begun");
  // Each answer to another client is a turn in which it could have gone on.
  let before = -1;
  for (let same = 0; same < 20; same = loads() === before ? same + 1 : 0, before = loads()) {
    await other.ping();
  }
  assert(loads() < wanted >> 1, `${loads()} answers of ${size} bytes wait for a client that reads none`);
  for (let i = 0; i < wanted; i++) {
    const { args } = await slow.answer();
    const [got] = args as readonly Uint8Array[];
    assert(timingSafeEqual(got, data), `answer ${i} has other bytes`);
  }
});

Deno.test("certificates are renewed for new connections, and connections that are there stay", async () => {
  await using serving = await start();
  await using first = await Client.connect(serving.address);
  const { server } = serving;
  server.reloadTls({ ...tlsIdentity("renewed"), authenticate: tlsText("other.pem") });
  await first.ping();
  await assertRejects(() => Client.connect(serving.address), TlsError);
  await assertRejects(() => Client.connect(serving.address, "renewed", "client"));
  await using second = await Client.connect(serving.address, "renewed", "other");
  assertThrows(
    () => server.reloadTls({ ...options, key: tlsText("other.key") }),
    TlsError,
    "another certificate",
  );
  await using third = await Client.connect(serving.address, "renewed", "other");
  for (const client of [first, second, third]) await client.ping();
});

Deno.test("a server with certificates that can't be used doesn't start", async () => {
  const storages = new Map([["1", new MappingStorage()]]);
  const wrong: TlsServerOptions[] = [
    { ...options, key: tlsText("other.key") },
    { ...options, certificate: "nothing" },
    { ...options, key: tlsText("encrypted.key"), password: "open barley" },
    { ...options, authenticate: "nothing" },
  ];
  for (const tls of wrong) await assertRejects(() => start({ tls, storages }), TlsError);
  await using serving = await start({
    tls: { ...options, key: tlsText("encrypted.key"), password: "open sesame" },
  });
  await using _client = await Client.connect(serving.address);
  await using plain = await Serving.start();
  const { server }: { readonly server: StorageServer } = plain;
  assertThrows(() => server.reloadTls(options), TypeError, "without TLS");
});
