import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { Dict, Global, Instance, Tuple, type Value } from "../../pickle/mod.ts";
import { concatBytes, MAX_TID, NO_TID, oid, oidBytes, tidBytes } from "../../values/mod.ts";
import { wireVectors } from "../fixtures/mod.ts";
import { assertFails } from "./errors.ts";
import { CapturedLog, Serving, until, VARIANTS } from "./serving.ts";
import { framed, Gone, itemsOf, type WireClient } from "./wire_client.ts";

const x = oid(1);
const text = new TextEncoder();

/** Waits for the one line that says why a client was disconnected, and that it names the client. */
async function reason(log: CapturedLog, pattern: RegExp): Promise<string> {
  await until(() => log.matching(pattern).length > 0, `a line like ${pattern}`);
  const [line] = log.matching(pattern);
  assert(/^zeo\.server\.connection error .*client 127\.0\.0\.1:\d+/.test(line), line);
  assert(line.endsWith("disconnected"), line);
  log.lines.length = 0;
  return line;
}

/** A server with something in it and somebody who must not notice anything. */
async function witnessed(options: Parameters<typeof Serving.start>[0] = {}) {
  const serving = await Serving.start(options);
  const witness = await serving.connect();
  const t1 = await witness.begin().store(x, NO_TID, "untouched").commit();
  return {
    serving,
    witness,
    async unharmed(): Promise<void> {
      await until(() => serving.server.connections === 1, "only the witness is connected");
      assertEquals(witness.gone, false);
      assertEquals(witness.invalidations, []);
      const loaded = itemsOf(await witness.call("loadBefore", oidBytes(x), tidBytes(MAX_TID)))!;
      assertEquals(loaded, [text.encode("untouched"), tidBytes(t1), null]);
      const { lock_time, waiting, active_txns } = await serving.status();
      assertEquals({ lock_time, waiting, active_txns }, { lock_time: null, waiting: 0, active_txns: 0 });
    },
  };
}

for (const { storage, encoding } of VARIANTS) {
  const variant = `${storage} ${encoding}`;

  Deno.test(`${variant}: malformed messages disconnect their sender, with a log line that says why`, async () => {
    await using log = await CapturedLog.start();
    const { serving, unharmed } = await witnessed({ storage, encoding });
    await using _serving = serving;
    const id = encoding === "M" ? "9401c2" : "8003284b0189";
    const bad: [string, RegExp][] = [
      ...wireVectors().rejected.filter((vector) => vector.encoding === encoding)
        .map(({ bytes }): [string, RegExp] => [bytes, /disconnected$/]),
      encoding === "M"
        ? ["93010203", /not a sequence of four elements/]
        : ["80034b012e", /expected a sequence of four/],
      encoding === "M" ? [`${id}0590`, /method name is 5, expected a string/] : [
        `${id}4b0529742e`,
        /method name is 5, expected a string/,
      ],
      encoding === "M" ? ["9480c2a470696e6790", /message id is a Dict/] : [
        "8003287d89580400000070696e6729742e",
        /message id is a Dict/,
      ],
    ];
    for (const [bytes, pattern] of bad) {
      const client = await serving.connect();
      await client.sendFrame(Uint8Array.fromHex(bytes));
      await client.closed;
      await reason(log, pattern);
    }
    await unharmed();
  });

  Deno.test(`${variant}: unknown methods and calls out of place are errors and the end of the connection`, async () => {
    await using log = await CapturedLog.start();
    const { serving, unharmed } = await witnessed({ storage, encoding });
    await using _serving = serving;
    for (const name of ["no_such_method", "register", "__init__", "constructor", "toString", ".reply", ""]) {
      const client = await serving.connect();
      await assertFails(client.call(name, "1", false), "AttributeError");
      await client.closed;
      assertStringIncludes(await reason(log, /Invalid method/), `'${name}'`);
      const silent = await serving.connect();
      await silent.notify(name, "1", false);
      await silent.closed;
      await reason(log, /Invalid method/);
    }
    for (const name of ["ping", "loadBefore", "tpc_begin", "get_info", "no_such_method"]) {
      const client = await serving.connect({ storage: null });
      await assertFails(client.call(name), "AttributeError");
      await client.closed;
      await reason(log, /Invalid method/);
    }
    await unharmed();
  });

  Deno.test(`V04: ${variant}: any bytes instead of a conversation harm nobody but their sender`, async () => {
    const { serving, unharmed } = await witnessed({ storage, encoding });
    await using _serving = serving;
    const hello = Uint8Array.fromHex(`00000002${encoding === "M" ? "4d35" : "5a35"}`);
    const registering = wireVectors().vectors.find(({ name }) => name === "register")![encoding];
    const register = framed(Uint8Array.fromHex(registering));
    // Whatever they say, they must not get as far as a commit: that would be their right.
    const vectors = wireVectors().vectors.filter(({ direction, name }) =>
      direction === "request" && name !== "tpc_finish"
    );
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(vectors.length - 1).map((i) => framed(Uint8Array.fromHex(vectors[i][encoding]))),
      // A good message with one byte changed.
      fc.tuple(fc.nat(vectors.length - 1), fc.nat(1000), fc.nat(255)).map(([i, at, byte]) => {
        const bytes = Uint8Array.fromHex(vectors[i][encoding]);
        bytes[at % bytes.length] = byte;
        return framed(bytes);
      }),
    );
    const conversation = fc.tuple(fc.nat(2), fc.array(message, { maxLength: 8 }));
    await fc.assert(
      fc.asyncProperty(conversation, async ([manners, messages]) => {
        await using client = await serving.connect({ silent: true });
        await client.sendBytes(
          concatBytes(...(manners > 0 ? [hello] : []), ...(manners > 1 ? [register] : []), ...messages),
        );
        // Half of them leave at once, half when everything has been handled.
        if (messages.length % 2 === 0) return;
        await client.hangUp();
        await client.closed;
      }),
      { numRuns: 60 },
    );
    await unharmed();
  });
}

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`V03: ${encoding}: absurd lengths disconnect at once: 64 bytes before the handshake, the limit later`, async () => {
    await using log = await CapturedLog.start();
    const { serving, unharmed } = await witnessed({
      encoding,
      limits: { message: 100_000, buffered: 100_000 },
    });
    await using _serving = serving;
    for (const length of ["00000041", "7fffffff", "80000000", "ffffffff", "47455420"]) {
      const silent = await serving.connect({ silent: true });
      await silent.sendBytes(Uint8Array.fromHex(length));
      await silent.closed;
      assertStringIncludes(
        await reason(log, /message of \d+ bytes/),
        `message of ${parseInt(length, 16)} bytes, limit 64: disconnected`,
      );
    }
    for (const length of ["000186a1", "ffffffff"]) {
      const client = await serving.connect();
      await client.sendBytes(Uint8Array.fromHex(length));
      await client.closed;
      assertStringIncludes(
        await reason(log, /message of \d+ bytes/),
        `message of ${parseInt(length, 16)} bytes, limit 100000: disconnected`,
      );
    }
    // Exactly the limit passes.
    const client = await serving.connect();
    const overhead = client.encode(1, false, "no", new Tuple([new Uint8Array(70_000)])).length - 70_000;
    const longest = client.encode(1, false, "no", new Tuple([new Uint8Array(100_000 - overhead)]));
    assertEquals(longest.length, 100_000);
    const reply = client.expect(1);
    await client.sendFrame(longest);
    await assertFails(reply, "AttributeError");
    await client.closed;
    await unharmed();
  });

  Deno.test(`${encoding}: a client that leaves within a message is logged as one`, async () => {
    await using log = await CapturedLog.start();
    const { serving, unharmed } = await witnessed({ encoding });
    await using _serving = serving;
    for (const cut of [1, 3, 4, 20]) {
      const client = await serving.connect();
      const message = framed(client.encode(1, false, "ping", new Tuple(["a long argument"])));
      await client.sendBytes(message.subarray(0, cut));
      client.vanish();
      assertStringIncludes(await reason(log, /left within a message/), `after ${cut} bytes of it`);
    }
    const quiet = await serving.connect();
    quiet.vanish();
    await unharmed();
    assertEquals(log.matching(/ error /), []);
  });

  Deno.test(`${encoding}: wrong values in a transaction fail its vote or its connection, nothing else`, async () => {
    const { serving, unharmed } = await witnessed({ encoding, storage: "file" });
    await using _serving = serving;
    const long = new Uint8Array(70_000);
    const begins: [Value[], string][] = [
      [[5, long, "", new Uint8Array(0), null, " "], "FileStorageError"],
      [[5, "", long, new Uint8Array(0), null, " "], "FileStorageError"],
      [[5, "", "", long, null, " "], "FileStorageError"],
      [[5, "", "", Dict.from([["k", long]]), null, " "], "FileStorageError"],
      [[5, "", "", new Uint8Array(0), null, "c"], "FileStorageError"],
      [[5, "", "", new Uint8Array(0), null, "long"], "FileStorageError"],
      [[5, "", "", new Uint8Array(0), tidBytes(1n as typeof NO_TID), " "], "StorageTransactionError"],
    ];
    for (const [args, error] of begins) {
      await using client = await serving.connect();
      await client.notify("tpc_begin", ...args);
      await assertFails(client.call("vote", 5), error);
      await client.call("tpc_abort", 5);
      assertEquals(await client.call("ping"), null);
    }
    const wrong: Value[][] = [
      [null, "", "", new Uint8Array(0)],
      [5, null, "", new Uint8Array(0)],
      [5, "", "", []],
      [5, "", "", null],
      [5, "", "", new Uint8Array(0), "tid"],
      [5, "", "", new Uint8Array(0), null, 7],
      [new Tuple([5]), "", "", new Uint8Array(0)],
      [new Uint8Array(65), "", "", new Uint8Array(0)],
      [5],
      [5, "", "", new Uint8Array(0), null, " ", 1],
    ];
    for (const args of wrong) {
      await using client = await serving.connect();
      await assertFails(client.call("tpc_begin", ...args), "TypeError");
      await client.notify("tpc_begin", ...args);
      await client.closed;
    }
    const stores: Value[][] = [
      [oidBytes(x), tidBytes(NO_TID), null, 5],
      [oidBytes(x), tidBytes(NO_TID), "text", 5],
      [new Uint8Array(3), tidBytes(NO_TID), long, 5],
      [oidBytes(x), null, long, 5],
      [oidBytes(x), tidBytes(NO_TID), long, null],
    ];
    for (const args of stores) {
      await using client = await serving.connect();
      await client.begin({ id: 5 }).sent;
      await assertFails(client.call("storea", ...args), "TypeError");
      await client.notify("storea", ...args);
      await client.closed;
    }
    await using client = await serving.connect();
    // A record of no bytes means something else in the file.
    await assertFails(client.begin().store(oid(2), NO_TID, "").vote(), "FileStorageError");
    await client[Symbol.asyncDispose]();
    await unharmed();
  });
}

Deno.test("V01: names in a client's pickles are names: refused, or kept and given back, never looked up", async () => {
  await using log = await CapturedLog.start();
  await using serving = await Serving.start({ encoding: "Z" });
  const evil: [string, RegExp][] = [
    ["cposix\nsystem\n(S'touch /tmp/owned'\ntR.", /posix/],
    ["cos\nsystem\n(S'true'\ntR.", /os/],
    ["csubprocess\nPopen\n(S'true'\ntR.", /subprocess/],
    ["(ios\nsystem\n.", /os/],
  ];
  for (const [pickle, pattern] of evil) {
    const client = await serving.connect();
    await client.sendFrame(text.encode(pickle));
    await client.closed;
    await reason(log, pattern);
    // And as an argument of a call.
    const wrapped = concatBytes(
      text.encode("(I1\nI00\nVping\n("),
      text.encode(pickle).subarray(0, -1),
      text.encode("tt."),
    );
    const second = await serving.connect();
    await second.sendFrame(wrapped);
    await second.closed;
    await reason(log, pattern);
  }
  // What the original lets pass is inert here.
  const client = await serving.connect();
  const called = new Instance("REDUCE", new Global("builtins", "eval"), new Tuple(["1/0"]));
  await assertFails(client.call("getTid", called), "TypeError");
  await assertFails(client.call("getTid", new Global("builtins", "exit")), "TypeError");
  const extension = Dict.from([["evil", called]]);
  await client.begin({ extension }).store(oid(2), NO_TID, "x").commit();
  const [entry] = itemsOf(await client.call("history", oidBytes(oid(2))))!;
  const back = (entry as Dict).get("evil") as Instance;
  assert(back instanceof Instance && back.isA("builtins", "eval"));
  client.vanish();
});

Deno.test("V04: a storm of connections that come and go harms nobody", async () => {
  const { serving, unharmed } = await witnessed();
  await using _serving = serving;
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 30 }, async (_, i) => {
      await using client = await serving.connect({ silent: true });
      if (i % 3 === 1) await client.sendBytes(Uint8Array.fromHex("000000024d35"));
      if (i % 3 === 2) await client.sendBytes(text.encode("GET / HTTP/1.1\r\n\r\n"));
    }));
  }
  await unharmed();
});

Deno.test("V04: more connections than allowed are refused with a log line, and there is room again later", async () => {
  await using log = await CapturedLog.start();
  await using serving = await Serving.start({ maxConnections: 3 });
  const clients = [await serving.connect(), await serving.connect(), await serving.connect()];
  const refused = await serving.connect({ silent: true });
  await refused.closed;
  assertEquals(log.matching(/connection from 127\.0\.0\.1:\d+ refused: there are 3 already/).length, 1);
  clients[0].vanish();
  await until(() => serving.server.connections === 2, "one has gone");
  assertEquals(await (await serving.connect()).call("ping"), null);
});

Deno.test("a client that shakes hands and never registers, or says nothing at all, is in nobody's way", async () => {
  await using serving = await Serving.start();
  await serving.connect({ silent: true });
  await serving.connect({ storage: null });
  const client = await serving.connect();
  await client.begin().store(x, NO_TID, "x").commit();
  assertEquals((await serving.status()).connections, 1);
});

Deno.test("a message that arrives one byte at a time is understood", async () => {
  await using serving = await Serving.start();
  const client: WireClient = await serving.connect();
  const reply = client.expect(1000);
  for (const byte of framed(client.encode(1000, false, "ping", new Tuple([])))) {
    await client.sendBytes(new Uint8Array([byte]));
  }
  assertEquals(await reply, null);
});

Deno.test("a server that closes ends all connections, and a second close waits for the first", async () => {
  const serving = await Serving.start();
  const client = await serving.connect();
  const transaction = client.begin().store(x, NO_TID, "x");
  await transaction.vote();
  await Promise.all([serving.server.close(), serving.server.close()]);
  await client.closed;
  const error = await client.call("ping").catch((error) => error);
  assert(error instanceof Gone);
  await serving[Symbol.asyncDispose]();
});
