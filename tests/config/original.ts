/**
 * Our configurations in the terms that `make_cases.py` writes the original's in.
 *
 * @module
 */

import type { DatabaseConfiguration, ServerConfiguration, ServerOptions } from "../../config/mod.ts";

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

function isAddress(value: object): value is { kind: "tcp"; host: string; port?: number } {
  return "kind" in value && value.kind === "tcp";
}

const isPath = (value: object): value is { path: string } =>
  "path" in value && Object.keys(value).every((key) => key === "path" || key === "kind");

const RENAMED: Readonly<Record<string, string>> = {
  servers: "server",
  label: "name",
  from: "fromaddr",
  to: "toaddrs",
};

function plain(value: unknown): Json | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value.map((item) => plain(item) ?? null);
  if (typeof value === "number" && !Number.isFinite(value)) {
    return String(value).replace("Infinity", "inf").toLowerCase();
  }
  if (typeof value !== "object" || value === null) return value as Json;
  if (isAddress(value)) return [value.host, value.port ?? null];
  if (isPath(value)) return value.path;
  return section(value as Record<string, unknown>);
}

function section(value: Record<string, unknown>): { [key: string]: Json } {
  const { position: _, name, ...rest } = value;
  const result: { [key: string]: Json } = {};
  if (typeof name === "string" && name !== "") result[value.type === "logger" ? "name" : "section"] = name;
  for (const [key, item] of Object.entries(rest)) {
    const known = plain(item);
    const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (known !== undefined) result[RENAMED[key] ?? snake] = known;
  }
  if (value.type === "syslog") {
    const { address } = value as { address: { host: string; port: number } | { path: string } };
    result.address = "path" in address ? address.path : [address.host, address.port];
  }
  if (value.type === "eventlog" || value.type === "logger") delete result.type;
  return result;
}

/** What a server configuration comes to. */
export function serverValues(configuration: ServerConfiguration, options: ServerOptions): Json {
  const { zeo, storages, eventlog, runner } = configuration;
  const { maxMessageSize: _, maxBuffered: __, conflictResolver: ___, ...others } = zeo;
  const { stopTimeout: ____, maxConnections: _____, ...keys } = others;
  const { given: ______, ...supervisor } = runner ?? { given: [] };
  const result = section({
    zeo: keys,
    address: zeo.address,
    timeout: zeo.transactionTimeout,
    pidFile: zeo.pidFilename,
    test: options.test,
    eventlog,
    runner: runner && supervisor,
  });
  result.storages = storages.map((storage) => ({
    ...section({ ...storage, name: "" }),
    name_of_storage: storage.name,
  }));
  return result;
}

/** What a database configuration comes to. */
export function databaseValues(configuration: DatabaseConfiguration): Json {
  return { databases: configuration.databases.map((database) => section({ ...database })) };
}

type Section = { [key: string]: Json };

function isSection(value: Json): value is Section {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The original's values where it leaves to later what we decide at once. */
function decided(value: Json, outermost: boolean): Json {
  if (Array.isArray(value)) return value.map((item) => decided(item, outermost));
  if (!isSection(value)) return value;
  const result: Section = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, decided(item, key === "storages")]),
  );
  const { type } = result;
  // The storage's name on the server says it.
  if (outermost) delete result.section;
  if (type === "filestorage") {
    Object.assign(result, { create: false, read_only: false, pack_gc: true, pack_keep_old: true }, {
      ...result,
    });
  }
  if (type === "zlibstorage" || type === "serverzlibstorage") result.compress ??= true;
  if (type === "demostorage" && Array.isArray(result.factories)) {
    for (const factory of result.factories) {
      if (isSection(factory)) result[factory.section === "changes" ? "changes" : "base"] = factory;
    }
    delete result.factories;
  }
  if (type === "zodb") {
    result.allow_implicit_cross_references ??= true;
    result.database_name ??= result.section ?? "";
    delete result.section;
    delete result.type;
  }
  if (type === "http-logger" && Array.isArray(result.url)) result.url = `http://${result.url.join("")}`;
  if (type === "syslog" && Array.isArray(result.address)) result.address[1] ??= 514;
  if (type === "zeo") {
    result.msgpack ??= false;
    delete result.section;
    delete result.type;
  }
  if (type === "runner") {
    delete result.section;
    delete result.type;
  }
  return result;
}

/** What the original's values come to; only what is there is compared. */
export function originalValues(values: Json): Json {
  return decided(values, false);
}

/** The parts of `ours` that `theirs` has, where that is shorter at the top. */
export function comparable(ours: Json, theirs: Json): Json {
  if (!isSection(ours) || !isSection(theirs)) return ours;
  return Object.fromEntries(
    Object.entries(ours).filter(([key]) => key !== "zeo" || Object.hasOwn(theirs, "zeo")),
  );
}
