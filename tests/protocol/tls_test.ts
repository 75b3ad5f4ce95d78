/** Connections with TLS: as much as is read is sent, nothing is lost, nothing stays open. */

import type { Socket } from "node:net";
import { timingSafeEqual } from "node:crypto";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  connect,
  type TlsClientOptions,
  TlsError,
  TlsTransport,
  type Transport,
} from "../../protocol/mod.ts";
import { tlsIdentity, tlsText } from "../fixtures/tls/mod.ts";

const MEBIBYTE = 1 << 20;

/** A server that gives the other end of each connection to the test. */
class Peer implements AsyncDisposable {
  readonly #server: Server;
  readonly #arrived: Promise<TlsTransport>;
  readonly #sockets = new Set<TLSSocket>();

  private constructor(server: Server) {
    this.#server = server;
    const { promise, resolve } = Promise.withResolvers<TlsTransport>();
    this.#arrived = promise;
    server.on("secureConnection", (socket) => {
      this.#sockets.add(socket);
      resolve(new TlsTransport(socket, (socket as TLSSocket & { readonly _parent: Socket })._parent));
    });
    server.on("tlsClientError", () => {});
  }

  static async start(identity = "server"): Promise<Peer> {
    const { certificate: cert, key } = tlsIdentity(identity);
    const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false });
    const peer = new Peer(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return peer;
  }

  connect(tls: TlsClientOptions = { ca: tlsText("server.pem") }, signal?: AbortSignal): Promise<Transport> {
    const { port } = this.#server.address() as { readonly port: number };
    return connect({ transport: "tcp", hostname: "127.0.0.1", port }, { tls, signal });
  }

  /** Both ends of a connection. */
  async pair(): Promise<[Transport, TlsTransport]> {
    return [await this.connect(), await this.#arrived];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** Bytes that differ from their neighbours, near and far. */
function pattern(length: number): Uint8Array {
  const words = new Uint32Array(length >> 2);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2654435761);
  return new Uint8Array(words.buffer);
}

async function writeAll(transport: Transport, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await transport.write(bytes.subarray(sent));
}

async function readAll(transport: Transport, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    // Of many sizes, so that chunks are cut anywhere.
    const count = await transport.read(bytes.subarray(filled, filled + 1 + filled % 100_003));
    if (count === null) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

/** Lets what is under way come to rest: a turn of the event loop, some times. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setTimeout(resolve, 2));
}

for (const from of ["client", "server"] as const) {
  Deno.test(`what the ${from} sends over TLS waits for its reader, and all of it arrives`, async () => {
    await using peer = await Peer.start();
    const [client, server] = await peer.pair();
    const [writer, reader] = from === "client" ? [client, server] : [server, client];
    const sent = pattern(32 * MEBIBYTE);
    let written = 0;
    const writing = (async () => {
      while (written < sent.length) written += await writer.write(sent.subarray(written));
    })();
    await settle();
    const stalled = written;
    await settle();
    assertEquals(written, stalled, "it goes on writing to somebody who doesn't read");
    assert(stalled < 24 * MEBIBYTE, `${stalled} bytes were taken for a reader that reads none`);
    const [got] = await Promise.all([readAll(reader, sent.length), writing]);
    assertEquals(got.length, sent.length);
    assert(timingSafeEqual(got, sent), "what has arrived is something else");
    writer.close();
    assertEquals(await reader.read(new Uint8Array(1)), null);
    reader.close();
  });
}

Deno.test("what was written before a TLS connection was closed arrives", async () => {
  await using peer = await Peer.start();
  const [client, server] = await peer.pair();
  const sent = pattern(MEBIBYTE);
  const reading = readAll(server, 2 * MEBIBYTE);
  await writeAll(client, sent);
  client.close();
  assertEquals((await reading).length, MEBIBYTE);
  server.close();
});

Deno.test("reading and writing a closed TLS connection fails, and so does what waits when it is closed", async () => {
  await using peer = await Peer.start();
  const [client, server] = await peer.pair();
  const reading = assertRejects(() => client.read(new Uint8Array(1)), Deno.errors.BadResource);
  client.close();
  client.close();
  await reading;
  await assertRejects(() => client.read(new Uint8Array(1)), Deno.errors.BadResource);
  await assertRejects(() => client.write(new Uint8Array(1)), Deno.errors.BadResource);
  server.close();
  await server.closed;
});

Deno.test("a TLS connection that is closed while much waits to be sent is gone at once", async () => {
  await using peer = await Peer.start();
  const [client, server] = await peer.pair();
  const writing = assertRejects(() => writeAll(client, pattern(64 * MEBIBYTE)));
  await settle();
  client.close();
  await writing;
  server.close();
});

Deno.test("a client connects only to a server whose certificate is trusted, valid and for its name", async () => {
  const ca = tlsText("server.pem");
  const cases: [identity: string, tls: TlsClientOptions, code: string | undefined][] = [
    ["server", { ca }, undefined],
    ["server", { ca, serverHostname: "localhost" }, undefined],
    ["server", { ca, serverHostname: "elsewhere.example" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["server", { ca, serverHostname: "elsewhere.example", checkHostname: false }, undefined],
    ["elsewhere", { ca: tlsText("elsewhere.pem") }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["other", { ca, checkHostname: false }, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["impostor", { ca: tlsText("client.pem"), checkHostname: false }, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["expired", { ca: tlsText("expired.pem"), checkHostname: false }, "any"],
    ["expiredleaf", { ca: tlsText("expiredleaf.pem"), checkHostname: false }, "any"],
    ["webserver", { ca: tlsText("authority.pem") }, undefined],
    ["member", { ca: tlsText("authority.pem"), checkHostname: false }, "any"],
    ["server", {}, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["server", { ca: [tlsText("other.pem"), ca] }, undefined],
  ];
  for (const [identity, tls, code] of cases) {
    await using peer = await Peer.start(identity);
    const told = `${identity} ${JSON.stringify({ ...tls, ca: undefined })}`;
    if (code === undefined) {
      const transport = await peer.connect(tls);
      transport.close();
      await (transport as TlsTransport).closed;
    } else {
      const error = await assertRejects(() => peer.connect(tls), TlsError, undefined, told);
      if (code !== "any") assertEquals(error.code, code, told);
    }
  }
});

Deno.test("a certificate or key that can't be used is told before anything is opened", async () => {
  const { certificate, key } = tlsIdentity("client");
  const cases: [TlsClientOptions, RegExp][] = [
    [{ certificate: "nothing", key }, /there is no certificate in it, expected PEM/],
    [{ certificate }, /there is no key in it, expected PEM with the key beside the certificate/],
    [{ certificate, key: "nothing" }, /there is no key in it, expected PEM/],
    [{ certificate, key: tlsText("other.key") }, /the key belongs to another certificate/],
    [
      { certificate: tlsText("server.pem"), key: tlsText("encrypted.key") },
      /encrypted, and there is no password/,
    ],
    [
      { certificate: tlsText("server.pem"), key: tlsText("encrypted.key"), password: "open barley" },
      /can't be decrypted with this password/,
    ],
    [{ ca: "nothing" }, /there is no certificate in it, expected PEM/],
  ];
  for (const [tls, message] of cases) {
    // Nobody listens there: whoever tried would be told so.
    const address = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;
    const error = await assertRejects(() => connect(address, { tls }), TlsError);
    assert(message.test(error.message), error.message);
  }
});

Deno.test("connecting with TLS is given up when it is aborted, and leaves nothing open", async () => {
  // It takes connections and never says a word.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const abort = new AbortController();
  const address = { ...listener.addr, transport: "tcp" } as const;
  const connecting = assertRejects(
    () => connect(address, { tls: { ca: tlsText("server.pem") }, signal: abort.signal }),
    Error,
    "enough",
  );
  using _conn = await accepted;
  abort.abort(new Error("enough"));
  await connecting;
  const early = AbortSignal.abort(new Error("too early"));
  await assertRejects(() => connect(address, { signal: early }), Error, "too early");
});

Deno.test("a server that hangs up in the handshake, or isn't there, is told of", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = { ...listener.addr, transport: "tcp" } as const;
  const tls = { ca: tlsText("server.pem") };
  const connecting = assertRejects(() => connect(address, { tls }), Error);
  (await listener.accept()).close();
  await connecting;
  listener.close();
  await assertRejects(() => connect(address, { tls }), Deno.errors.ConnectionRefused);
  await assertRejects(() => connect(address), Deno.errors.ConnectionRefused);
});

Deno.test("a Unix socket is plain, and TLS for one is refused", async () => {
  const folder = await Deno.makeTempDir();
  const address = { transport: "unix", path: `${folder}/socket` } as const;
  using listener = Deno.listen(address);
  const [transport, conn] = await Promise.all([connect(address), listener.accept()]);
  await transport.write(new TextEncoder().encode("plain"));
  const buffer = new Uint8Array(16);
  assertEquals(await conn.read(buffer), 5);
  transport.close();
  conn.close();
  await assertRejects(() => connect(address, { tls: {} }), TypeError, "a Unix socket has no TLS");
  await Deno.remove(folder, { recursive: true });
});
