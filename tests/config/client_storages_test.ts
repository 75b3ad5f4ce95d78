/** `<clientstorage>` and `<zeoclient>`: every key has its effect, on a server of our own. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ClientStorage } from "../../client/mod.ts";
import {
  ConfigurationError,
  openStorage,
  parseServerConfiguration,
  storageFromFile,
  storageFromString,
  storageFromURL,
} from "../../config/mod.ts";
import { formatAddress } from "../../protocol/mod.ts";
import { FileStorage, isCompressed, isObservable, supportsBlobs } from "../../storage/mod.ts";
import { ClientDisconnected, MAX_TID, NO_TID, oid, ReadOnlyError } from "../../values/mod.ts";
import { CapturedLog, Serving, until } from "../server/serving.ts";
import { tlsFile, tlsIdentity, tlsText } from "../fixtures/tls/mod.ts";
import { commit, textOf } from "../storage/samples.ts";

/** A server with a FileStorage that keeps blobs. */
async function withServer(
  body: (serving: Serving, folder: string, at: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const storage = FileStorage.open(`${folder}/Data.fs`, { blobDir: `${folder}/blobs` });
    await using serving = await Serving.start({ storage });
    await body(serving, folder, formatAddress(serving.address));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const section = (keys: string) => `%import ZEO\n<clientstorage>\n${keys}\n</clientstorage>\n`;

Deno.test("<clientstorage> is opened, and its keys have their effect", () =>
  withServer(async (serving, folder, at) => {
    await using log = await CapturedLog.start();
    await using storage = await storageFromString(section(`
      server ${at}
      storage 1
      name my name
      client-label worker-7
      cache-path ${folder}/client.zec
      cache-size 1MB
      blob-dir ${folder}/cache
      blob-cache-size 10MB
      blob-cache-size-check 20
      server-sync yes
      wait-timeout 5`)) as ClientStorage;
    assertEquals([storage.name, storage.kind, storage.readOnly], ["my name", "ClientStorage", false]);
    assert(storage.connected && isObservable(storage) && supportsBlobs(storage));
    assertEquals(Deno.statSync(`${folder}/client.zec`).size, 1 << 20);
    assertEquals(Deno.readTextFileSync(`${folder}/cache/.layout`), "zeocache");
    const tid = await commit(storage, [[1, NO_TID, "a"]]);
    await using other = await serving.connect();
    assertEquals(other.registeredAt, tid);
    await storage[Symbol.asyncDispose]();
    await until(() => log.matching(/worker-7 .* disconnected/).length > 0, "the server has the label");
  }));

Deno.test("read-only clients are told so, and read", () =>
  withServer(async (_serving, _folder, at) => {
    {
      await using writer = await storageFromString(section(`server ${at}`));
      await commit(writer, [[1, NO_TID, "a"]]);
    }
    await using storage = await storageFromString(section(`server ${at}\nread-only true`));
    assertEquals(storage.readOnly, true);
    assertEquals(textOf((await storage.loadBefore(oid(1), MAX_TID))!.data), "a");
    await assertRejects(() => commit(storage, [[2, NO_TID, "b"]]), ReadOnlyError);
  }));

Deno.test("<zeoclient> is opened, with a cache named after client and storage; what has no effect is told", () =>
  withServer(async (_serving, folder, at) => {
    const text = `<zeo>\naddress 0\n</zeo>\n<zeoclient main>\nserver ${at}\nclient app\nvar ${folder}\n` +
      `username me\npassword secret\nwait off\nmin-disconnect-poll 3\n</zeoclient>\n`;
    const [described] = parseServerConfiguration(text).storages;
    const { storage, withoutEffect } = await openStorage(described);
    await using _storage = storage;
    assertEquals(withoutEffect, ["username", "password"]);
    await (storage as ClientStorage).ready;
    assert(Deno.statSync(`${folder}/app-1.zec`).isFile);
  }));

Deno.test("several servers: one that is there is enough", () =>
  withServer(async (_serving, _folder, at) => {
    const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = gone.addr as Deno.NetAddr;
    gone.close();
    await using storage = await storageFromString(section(`server 127.0.0.1:${port}\nserver ${at}`));
    assertEquals(formatAddress((storage as ClientStorage).address!), at);
  }));

Deno.test("a client inside another storage, from a file and from a URI", () =>
  withServer(async (_serving, folder, at) => {
    await Deno.writeTextFile(
      `${folder}/storage.conf`,
      `%import zc.zlibstorage\n<zlibstorage>\n<zeoclient>\nserver ${at}\n</zeoclient>\n</zlibstorage>\n`,
    );
    await using storage = await storageFromFile(`${folder}/storage.conf`);
    const long = "x".repeat(250);
    await commit(storage, [[1, NO_TID, long]]);
    assert(isObservable(storage));
    await using plain = await storageFromURL(`zeo://${at}/1?wait_timeout=5`);
    const { data } = (await plain.loadBefore(oid(1), MAX_TID))!;
    assert(data.length < 100 && isCompressed(data));
  }));

Deno.test("<ssl> of a client: certificates, and the name that the server's has to have", async () => {
  const tls = { ...tlsIdentity("server"), authenticate: [tlsText("client.pem")] };
  await using serving = await Serving.start({ tls });
  const at = formatAddress(serving.address);
  const keys = (more = "", identity = "client", ca = "server") =>
    section(`server ${at}\nwait-timeout 1\n<ssl>\ncertificate ${tlsFile(`${identity}.pem`)}
      key ${tlsFile(`${identity}.key`)}\nauthenticate ${tlsFile(`${ca}.pem`)}\n${more}\n</ssl>`);
  await using storage = await storageFromString(keys("server-hostname localhost"));
  const tid = await commit(storage, [[1, NO_TID, "a"]]);
  await using unchecked = await storageFromString(keys("check-hostname no"));
  assertEquals(unchecked.lastTransaction(), tid);
  for (
    const refused of [
      keys("server-hostname elsewhere"),
      keys("server-hostname localhost", "impostor"),
      keys("server-hostname localhost", "client", "other"),
    ]
  ) {
    await assertRejects(() => storageFromString(refused), Error);
  }
});

Deno.test("a server that isn't there is told after the time that was given, and nothing is left open", async () => {
  const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = gone.addr as Deno.NetAddr;
  gone.close();
  await assertRejects(
    () => storageFromString(section(`server 127.0.0.1:${port}\nwait-timeout 0`)),
    ClientDisconnected,
    `127.0.0.1:${port}`,
  );
});

Deno.test("mistakes in a client's section are told with file, line, key and what was expected", async () => {
  const told = async (keys: string) =>
    (await assertRejects(() => storageFromString(section(keys), {}, "app.conf"), ConfigurationError)).message;
  assertEquals(
    await told("server localhost"),
    'app.conf:2: <clientstorage> server "localhost": expected a host and a port from 1 on',
  );
  assertEquals(
    await told("server :0"),
    'app.conf:2: <clientstorage> server "127.0.0.1:0": expected a host and a port from 1 on',
  );
  assertEquals(
    await told("server :1\nblob-cache-size-check 100"),
    'app.conf:4: <clientstorage> blob-cache-size-check "100": expected per cent as an integer from 0 to 99, for example 10',
  );
  assertEquals(
    await told("server :1\n<ssl>\ncertificate /dev/null\n</ssl>"),
    'app.conf:4: <ssl> certificate "/dev/null": there is no certificate in it, expected PEM',
  );
  assertEquals(await told(""), 'app.conf:2: <clientstorage>: expected a key "server"');
});
