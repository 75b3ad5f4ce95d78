/** ClientStorage with TLS, on our server and on runzeo with the same configuration. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { client, type ClientOptions, type ClientStorage } from "../../client.ts";
import { storageFromString } from "../../config/mod.ts";
import type { TlsClientOptions } from "../../protocol/mod.ts";
import { ClientDisconnected, NO_TID, type Tid } from "../../values/mod.ts";
import { tlsFile, tlsIdentity, tlsText } from "../fixtures/tls/mod.ts";
import { until } from "../server/serving.ts";
import { commit, textAt } from "../storage/samples.ts";
import { interopTest, type Server, type ServerKind } from "./peers.ts";

const KINDS = ["runzeo", "ours"] satisfies ServerKind[];

/** The server's `<ssl>`. */
function ssl(identity = "server", authenticate = "client"): string {
  const keys = { certificate: `${identity}.pem`, key: `${identity}.key`, authenticate: `${authenticate}.pem` };
  const lines = Object.entries(keys).map(([key, name]) => `    ${key} ${tlsFile(name)}`);
  return ["  <ssl>", ...lines, "  </ssl>"].join("\n");
}

const ca = tlsText("server.pem");
const right: TlsClientOptions = { ca, ...tlsIdentity("client") };

function connect({ address }: Server, options: ClientOptions): Promise<ClientStorage> {
  const [hostname, port] = address as readonly [string, number];
  return client({ hostname, port }, { disconnectPoll: 0.05, waitTimeout: 1.5, ...options });
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
      return peers.start({ kind, zeoSections: section, storages: "<mappingstorage>\n</mappingstorage>" }, folder);
    };
    const [server, expired, strict] = await Promise.all([
      start(ssl()),
      start(ssl("expired")),
      start(ssl("server", "expired")),
    ]);
    const encrypted = { certificate: tlsText("client.pem"), key: tlsText("encrypted.key") };
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
    console.log(seen);
  });
}
