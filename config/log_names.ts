/**
 * The logger names that existing log parsers know, for the categories that we log under.
 *
 * The rest of the program logs under LogTape categories that follow our own layout. Operators have years of
 * filters and alerts on the original's logger names, so the event log prints those. This table is the one place
 * where the two meet; a category that is not in it prints as its parts joined with dots.
 *
 * @module
 */

const NAMES: ReadonlyMap<string, string> = new Map([
  ["zeo/runzeo", "ZEO.runzeo"],
  ["zeo/server", "ZEO.StorageServer"],
  ["zeo/server/connection", "ZEO.asyncio.server"],
  ["zeo/server/base", "ZEO.asyncio.base"],
  ["zeo/server/monitor", "ZEO.monitor"],
  ["zeo/client", "ZEO.ClientStorage"],
  ["zeo/client/connection", "ZEO.asyncio.client"],
  ["zeo/client/base", "ZEO.asyncio.base"],
  ["zeo/cache", "ZEO.cache"],
  ["zeo/storage", "ZODB.BaseStorage"],
  ["zeo/storage/file", "ZODB.FileStorage"],
  ["zeo/storage/mapping", "ZODB.MappingStorage"],
  ["zeo/storage/demo", "ZODB.DemoStorage"],
  ["zeo/storage/blob", "ZODB.blob"],
  ["zeo/storage/conflict", "ZODB.ConflictResolution"],
  ["zeo/zodb", "ZODB"],
  ["zeo/zodb/connection", "ZODB.Connection"],
]);

/**
 * The name that a record of this category carries in the event log.
 *
 * @example
 * ```ts
 * import { pythonLoggerName } from "./log_names.ts";
 *
 * pythonLoggerName(["zeo", "server"]); // "ZEO.StorageServer"
 * pythonLoggerName(["my-app", "orders"]); // "my-app.orders"
 * ```
 */
export function pythonLoggerName(category: readonly string[]): string {
  return NAMES.get(category.join("/")) ?? (category.length === 0 ? "root" : category.join("."));
}
