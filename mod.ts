/**
 * ZEO for Deno: a client-server database for ZODB objects.
 *
 * ```ts ignore
 * import * as ZEO from "@zeo/zeo";
 *
 * await using server = await ZEO.server({ path: "Data.fs" });
 * console.log(`listening on ${ZEO.formatAddress(server.address)}`);
 * ```
 *
 * @module
 */

export { server, type ServerOptions, StorageServer, type StorageServerOptions } from "./server.ts";
export { FileStorage, type FileStorageOptions, MappingStorage, type Storage } from "./storage/mod.ts";
export { type Address, formatAddress } from "./protocol/mod.ts";
export * from "./values/mod.ts";
