/** URIs of databases: what Python's zodburi makes of the same URI, and where ours say more. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  type BlobStorageSection,
  type ClientStorageSection,
  ConfigurationError,
  type DemoStorageSection,
  type FileStorageSection,
  type MappingStorageSection,
  parseDatabaseUri,
  storageFromURL,
} from "../../config/mod.ts";

const client = (uri: string) => parseDatabaseUri(uri).storage as ClientStorageSection;

// The addresses and arguments below are those that zodburi 3.0 calls Python's constructors with.

Deno.test("the address of a zeo:// URI", () => {
  const tcp = (host: string, port: number) => ({ kind: "tcp", host, port, ipv6: host.includes(":") });
  const addresses: Record<string, unknown> = {
    "zeo://localhost": tcp("localhost", 9991),
    "zeo://localhost:9001": tcp("localhost", 9001),
    "zeo://localhost:9001/": tcp("localhost", 9001),
    "zeo://[::1]:9001": tcp("::1", 9001),
    "zeo://[::1]": tcp("::1", 9991),
    "zeo://u:p@h:9/": tcp("h", 9),
    "zeo:///path/to/sock": { kind: "unix", path: "/path/to/sock" },
    "zeo:///path/to/sock?storage=q": { kind: "unix", path: "/path/to/sock" },
  };
  for (const [uri, expected] of Object.entries(addresses)) assertEquals(client(uri).servers, [expected], uri);
});

Deno.test("the storage is in the path or an option", () => {
  assertEquals(client("zeo://h").storage, "1");
  assertEquals(client("zeo://h/").storage, "1");
  assertEquals(client("zeo://h/main").storage, "main");
  assertEquals(client("zeo://h/a%20b").storage, "a b");
  assertEquals(client("zeo://h?storage=x").storage, "x");
  assertEquals(client("zeo://h/x?storage=x").storage, "x");
  assertEquals(client("zeo:///run/zeo.sock?storage=x").storage, "x");
  assertThrows(
    () => client("zeo://h/x?storage=y"),
    ConfigurationError,
    'zeo://h/x?storage=y: storage "y": the path says storage "x": expected one of them',
  );
});

Deno.test("the options of a zeo:// URI", () => {
  const options = {
    ...{ wait_timeout: "5", cache_size: "25MB", blob_dir: "/tmp/b", blob_cache_size: "10MB" },
    ...{ blob_cache_size_check: "20", shared_blob_dir: "1", read_only: "true", read_only_fallback: "yes" },
    ...{ client_label: "worker", name: "nn", client: "x", var: "/tmp", server_sync: "on", wait: "0" },
    ...{ debug: "1", min_disconnect_poll: "3", max_disconnect_poll: "6", drop_cache_rather_verify: "1" },
    ...{ username: "a", password: "b", realm: "c", connection_cache_size: "20000", database_name: "n" },
    ...{ connection_pool_size: "3", connection_cache_size_bytes: "1MB", connection_pool_timeout: "5" },
    ...{ connection_historical_pool_size: "1", connection_historical_cache_size: "2" },
    ...{ connection_historical_cache_size_bytes: "3", connection_historical_timeout: "60" },
    ...{ connection_large_record_size: "5" },
  };
  const { position: _, storage, ...database } = parseDatabaseUri(
    `zeo://h:9001?${new URLSearchParams(options)}`,
  );
  const { position: __, ...section } = storage as ClientStorageSection;
  assertEquals(section, {
    ...{ type: "clientstorage", name: "", storage: "1", label: "nn", clientLabel: "worker", wait: false },
    servers: [{ kind: "tcp", host: "h", port: 9001, ipv6: false }],
    ...{ waitTimeout: 5, cacheSize: 26_214_400, cachePath: "/tmp/x-1.zec", serverSync: true },
    ...{ blobDir: "/tmp/b", blobCacheSize: 10_485_760, blobCacheSizeCheck: 20, sharedBlobDir: true },
    ...{ readOnly: true, readOnlyFallback: true },
  });
  assertEquals(database, {
    ...{ databaseName: "n", cacheSize: 20_000, cacheSizeBytes: 1 << 20, poolSize: 3, poolTimeout: 5 },
    ...{ historicalPoolSize: 1, historicalCacheSize: 2, historicalCacheSizeBytes: 3, historicalTimeout: 60 },
    ...{ largeRecordSize: 5, allowImplicitCrossReferences: true },
  });
});

Deno.test("without options, zodburi's defaults", () => {
  const { databaseName, cacheSize, poolSize, storage } = parseDatabaseUri("zeo://localhost");
  assertEquals([databaseName, cacheSize, poolSize], ["unnamed", 10_000, 7]);
  const { waitTimeout, cacheSize: records, cachePath, blobDir, wait } = storage as ClientStorageSection;
  assertEquals([waitTimeout, records, cachePath, blobDir, wait], [30, 20 << 20, undefined, undefined, true]);
  assertEquals(client("zeo://h?blob_dir=").blobDir, undefined);
  assertEquals(client("zeo://h?wait_timeout=1&wait_timeout=2").waitTimeout, 2);
});

Deno.test("file:// URIs", () => {
  const storage = (uri: string) => parseDatabaseUri(uri).storage;
  assertEquals((storage("file:///a/b/Data.fs") as FileStorageSection).path, "/a/b/Data.fs");
  assertEquals((storage("file://rel/a") as FileStorageSection).path, "rel/a");
  const file = storage("file:///a/b?create=1&read_only=0&quota=1MB") as FileStorageSection;
  assertEquals([file.type, file.create, file.readOnly, file.quota], ["filestorage", true, false, 1 << 20]);
  const blobs = storage("file:///a?blobstorage_dir=/x") as BlobStorageSection;
  assertEquals([blobs.type, blobs.blobDir, blobs.base.type], ["blobstorage", "/x", "filestorage"]);
  const demo = storage("file:///a?demostorage=1") as DemoStorageSection;
  assertEquals([demo.type, demo.base!.type, demo.changes], ["demostorage", "filestorage", undefined]);
});

Deno.test("memory:// and zconfig:// URIs", async () => {
  assertEquals((parseDatabaseUri("memory://").storage as MappingStorageSection).label, "");
  const named = parseDatabaseUri("memory://name?database_name=x&connection_pool_size=4");
  assertEquals((named.storage as MappingStorageSection).label, "name");
  assertEquals([named.databaseName, named.poolSize], ["x", 4]);
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(
      path,
      "<zodb one>\n<mappingstorage/>\n</zodb>\n<zodb two>\n<demostorage/>\n</zodb>\n",
    );
    assertEquals(parseDatabaseUri(`zconfig://${path}`).storage.type, "mappingstorage");
    assertEquals(parseDatabaseUri(`zconfig://${path}#two`).storage.type, "demostorage");
    assertThrows(
      () => parseDatabaseUri(`zconfig://${path}#three`),
      ConfigurationError,
      'no <zodb> section "three": expected one of "one", "two"',
    );
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("what is wrong with a URI is said with the option, its value and what was expected", () => {
  const wrong: Record<string, string> = {
    "zeo://h?nonsense=1": 'nonsense "1": unknown option: expected one of storage, name, client,',
    "zeo://h?cache_size=abc": 'cache_size "abc": expected bytes as an integer, with or without KB, MB or GB',
    "zeo://h?read_only=maybe": 'read_only "maybe": expected 1, 0, yes, true, on, no, false or off',
    "zeo://h?wait_timeout=soon": 'wait_timeout "soon": expected an integer',
    "zeo://h?blob_cache_size_check=100":
      'blob_cache_size_check "100": expected per cent as an integer from 0 to 99',
    "zeo://h:abc": 'address "h:abc": expected host:port, with a port from 1 to 65535',
    "zeo://h:70000": 'address "h:70000": expected host:port',
    "zeo://": "expected a host, or the path of a socket",
    "zeo://h/%zz": '"%zz": expected two hexadecimal digits after each %',
    "file:///a?blob_dir=/x": 'blob_dir "/x": unknown option',
    "file://": "expected the path of a Data.fs",
    "memory:": "expected a URI, for example zeo://localhost:8100",
    "memory://?cache_size=1": 'cache_size "1": unknown option: expected one of database_name,',
    "http://x": 'scheme "http": expected zeo, file, memory or zconfig',
    "zconfig:///x?a=1": 'a "1": unknown option: the configuration file has them all',
  };
  for (const [uri, message] of Object.entries(wrong)) {
    const { message: said } = assertThrows(() => parseDatabaseUri(uri), ConfigurationError);
    assertEquals(said.slice(0, uri.length + 2 + message.length), `${uri}: ${message}`);
  }
});

Deno.test("passwords in a URI are not told", () => {
  const { message } = assertThrows(
    () => parseDatabaseUri("zeo://me:secret@h?password=hidden&nonsense=1"),
    ConfigurationError,
  );
  assertEquals(message.split(": nonsense")[0], "zeo://me:…@h?password=…&nonsense=1");
});

Deno.test("a storage is opened by its URI", async () => {
  await using memory = await storageFromURL("memory://scratch");
  assertEquals(memory.name, "scratch");
  const folder = await Deno.makeTempDir();
  try {
    await using file = await storageFromURL(`file://${folder}/Data.fs?blobstorage_dir=${folder}/blobs`);
    assertEquals(file.kind, "FileStorage");
    assertEquals(Deno.readTextFileSync(`${folder}/blobs/.layout`), "bushy");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
