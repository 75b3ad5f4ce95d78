/** ClientStorage with TLS, on our server and on runzeo with the same configuration. */

import { createPrivateKey } from "node:crypto";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { client, type ClientOptions, type ClientStorage } from "../../client.ts";
import { storageFromString } from "../../config/mod.ts";
import type { TlsClientOptions } from "../../protocol/mod.ts";
import { MAX_TID, NO_TID, oid, type Tid } from "../../values/mod.ts";
import { tlsFile, tlsIdentity, tlsText } from "../fixtures/tls/mod.ts";
import { until } from "../server/serving.ts";
import { commit, noise, record, textAt } from "../storage/samples.ts";
import { interopTest, type Server, type ServerKind } from "./peers.ts";

const KINDS = ["runzeo", "ours"] satisfies ServerKind[];

/** The server's `<ssl>`. */
function ssl(identity = "server", authenticate = "client"): string {
  const keys = {
    certificate: `${identity}.pem`,
    key: `${identity}.key`,
    authenticate: `${authenticate}.pem`,
  };
  const lines = Object.entries(keys).map(([key, name]) => `    ${key} ${tlsFile(name)}`);
  return ["  <ssl>", ...lines, "  </ssl>"].join("\n");
}

const ca = tlsText("server.pem");
const right: TlsClientOptions = { ca, ...tlsIdentity("client") };

function connect({ address }: Server, options: ClientOptions): Promise<ClientStorage> {
  const [hostname, port] = address as readonly [string, number];
  return client({ hostname, port }, { disconnectPoll: 0.05, waitTimeout: 1.5, ...options });
}

/** A key of the fixtures, encrypted. */
function encryptedKey(name: string, passphrase: string): string {
  const key = createPrivateKey(tlsText(name));
  return key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase }) as string;
}

/** What each of many tries comes to: "in", or why not. */
function tries(all: Readonly<Record<string, () => Promise<ClientStorage>>>): Promise<Record<string, string>> {
  return Promise.all(
    Object.entries(all).map(async ([name, open]) => {
      try {
        await using storage = await open();
        await storage.ping();
        return [name, "in"];
      } catch (error) {
        const { name: kind, message } = error as Error;
        return [name, `${kind}: ${message}`];
      }
    }),
  ).then(Object.fromEntries);
}

for (const kind of KINDS) {
  await interopTest(`a client is let in, or keeps out, by certificates: ${kind}`, async (peers) => {
    const start = (section: string) => {
      const folder = Deno.makeTempDirSync({ dir: peers.folder });
      return peers.start(
        { kind, zeoSections: section, storages: "<mappingstorage>\n</mappingstorage>" },
        folder,
      );
    };
    const [server, expired, strict] = await Promise.all([
      start(ssl()),
      start(ssl("expired")),
      start(ssl("server", "expired")),
    ]);
    const encrypted = { certificate: tlsText("client.pem"), key: encryptedKey("client.key", "open sesame") };
    const seen = await tries({
      "right": () => connect(server, { tls: right }),
      "right, by the other name": () => connect(server, { ssl: right }),
      "wrong": () => connect(server, { tls: { ca, ...tlsIdentity("other") } }),
      "impostor": () => connect(server, { tls: { ca, ...tlsIdentity("impostor") } }),
      "none": () => connect(server, { tls: { ca } }),
      "plain": () => connect(server, {}),
      "unknown server": () => connect(server, { tls: { ...right, ca: tlsText("other.pem") } }),
      "the system's authorities": () => connect(server, { tls: { ...tlsIdentity("client") } }),
      "expired server": () => connect(expired, { tls: { ...right, ca: tlsText("expired.pem") } }),
      "expired client": () => connect(strict, { tls: { ca, ...tlsIdentity("expired") } }),
      "name": () => connect(server, { tls: right, sslServerHostname: "localhost" }),
      "wrong name": () => connect(server, { tls: right, sslServerHostname: "elsewhere.example" }),
      "wrong name, unchecked": () =>
        connect(server, { tls: { ...right, serverHostname: "elsewhere.example", checkHostname: false } }),
      "wrong name, checked again": () =>
        connect(server, { tls: { ...right, checkHostname: false }, sslServerHostname: "elsewhere.example" }),
      "encrypted key": () => connect(server, { tls: { ca, ...encrypted, password: "open sesame" } }),
      "wrong password": () => connect(server, { tls: { ca, ...encrypted, password: "open" } }),
      "no password": () => connect(server, { tls: { ca, ...encrypted } }),
    });
    const refused = /^(TlsError|ClientDisconnected: timed out waiting for connection to 127\.0\.0\.1:\d+)/;
    const expected: Record<string, RegExp> = {
      "right": /^in$/,
      "right, by the other name": /^in$/,
      "wrong": refused,
      "impostor": refused,
      "none": refused,
      "plain": refused,
      "unknown server": /^TlsError: self-signed certificate/,
      "the system's authorities": /^TlsError: self-signed certificate/,
      "expired server": /^TlsError: /,
      "expired client": refused,
      "name": /^in$/,
      "wrong name": /^TlsError: .*elsewhere\.example/,
      "wrong name, unchecked": /^in$/,
      "wrong name, checked again": /^TlsError: .*elsewhere\.example/,
      "encrypted key": /^in$/,
      "wrong password": /^TlsError: the key can't be decrypted with this password/,
      "no password": /^TlsError: the key is encrypted, and there is no password/,
    };
    assertEquals(Object.keys(seen), Object.keys(expected));
    for (const [name, pattern] of Object.entries(expected)) assertMatch(seen[name], pattern, name);
  });

  await interopTest(`a client with TLS comes back when the server does: ${kind}`, async (peers) => {
    const options = { kind, zeoSections: ssl() };
    let server = await peers.start(options);
    const { address } = server;
    await using storage = await connect(server, { tls: right, waitTimeout: 10 });
    // As in the original's sections, the name is checked unless told otherwise.
    await Deno.writeTextFile(`${peers.folder}/key.pem`, encryptedKey("client.key", "open sesame"));
    await Deno.writeTextFile(`${peers.folder}/password`, "open sesame\n");
    const section = (more: string) =>
      `%import ZEO
      <clientstorage>
        server ${(address as readonly [string, number]).join(":")}
        wait-timeout 2
        cache-path ${peers.folder}/client.zec
        <ssl>
          certificate ${tlsFile("client.pem")}
          key ${peers.folder}/key.pem
          password-file ${peers.folder}/password
          authenticate ${tlsFile("server.pem")}
          ${more}
        </ssl>
      </clientstorage>`;
    await assertRejects(
      () => storageFromString(section("server-hostname elsewhere.example")),
      Error,
      "elsewhere",
    );
    {
      await using unchecked = await storageFromString(
        section("server-hostname elsewhere.example\n check-hostname false"),
      );
      assertEquals(unchecked.lastTransaction(), NO_TID);
    }
    await using configured = await storageFromString(section("server-hostname localhost"));
    assert(configured.kind === "ClientStorage");
    let last: Tid = NO_TID;
    // More than fits into a record of TLS, and than is read at once.
    const records = [record("first"), noise(400_000), record("third")];
    for (const data of records) {
      last = await commit(storage, [[1, last, data]]);
      await until(() => configured.lastTransaction() === last, "the invalidation");
      assertEquals((await configured.loadBefore(oid(1), MAX_TID))!.data, data);
      if (data !== records[1]) continue;
      await server.stop();
      await until(() => !storage.connected, "the end of the connection");
      server = await peers.start({ ...options, address });
      await storage.ping();
    }
    assertEquals([await textAt(storage, 1), await textAt(configured, 1)], ["third", "third"]);
  });
}
