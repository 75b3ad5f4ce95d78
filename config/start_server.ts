/**
 * Starting the server that a configuration describes.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Address, formatAddress } from "../protocol/mod.ts";
import { addressInUse, StorageServer, type StorageServerOptions } from "../server/mod.ts";
import { ConflictResolver, mergeWith, type Storage } from "../storage/mod.ts";
import { loadConflictResolvers } from "./conflict_resolvers.ts";
import { ConfigurationError, type Position } from "./errors.ts";
import { openStorage, storageKind } from "./open_storage.ts";
import type { ServerConfiguration } from "./server_configuration.ts";
import type { SocketAddress } from "./socket_address.ts";

const log = getLogger(["zeo", "runzeo"]);

/** Where to listen; without a port, on any that is free. */
export function listeningAddress(address: SocketAddress): Address {
  if (address.kind === "unix") return { transport: "unix", path: address.path };
  return { transport: "tcp", hostname: address.host, port: address.port ?? 0 };
}

/** The error for an address that can't be listened on. @param key The key of `<zeo>` that names the address. */
export function addressError(
  position: Position,
  key: string,
  address: Address,
  problem: string,
): ConfigurationError {
  const subject = position.line > 0 ? { section: "zeo", key } : {};
  return new ConfigurationError(position, problem, { ...subject, value: formatAddress(address) });
}

/** Makes sure that nobody else listens. @throws {ConfigurationError} when somebody answers where the configuration says that the server is to listen. */
export async function requireFreeAddress({ zeo }: ServerConfiguration): Promise<void> {
  const address = listeningAddress(zeo.address);
  if (await addressInUse(address)) throw addressError(zeo.position, "address", address, "address in use");
}

/**
 * Opens the storages and starts to listen.
 *
 * @param options In place of what the configuration says, and what it doesn't say.
 * @throws {ConfigurationError} when a storage or a module can't be used as configured, and for an address in use.
 * @throws what opening the storages throws; those that are open already have been closed.
 */
export async function startServer(
  configuration: ServerConfiguration,
  options: Partial<StorageServerOptions> = {},
): Promise<StorageServer> {
  const { zeo } = configuration;
  const address = options.address ?? listeningAddress(zeo.address);
  const storages = new Map<string, Storage>();
  const merge = mergeWith(new ConflictResolver(await loadConflictResolvers(zeo)));
  try {
    for (const section of configuration.storages) {
      log.info`(${Deno.pid}) opening storage ${`'${section.name}'`} using ${storageKind(section)}`;
      const { storage, withoutEffect } = await openStorage(section, { merge });
      storages.set(section.name, storage);
      for (const key of withoutEffect) {
        log.warn`<${section.type} ${section.name}> ${key} is accepted and has no effect`;
      }
    }
    return await StorageServer.start({
      storages,
      readOnly: zeo.readOnly,
      msgpack: zeo.msgpack,
      invalidationQueueSize: zeo.invalidationQueueSize,
      invalidationAge: zeo.invalidationAge,
      clientConflictResolution: zeo.clientConflictResolution,
      transactionTimeout: zeo.transactionTimeout,
      limits: { message: zeo.maxMessageSize, buffered: zeo.maxBuffered },
      maxConnections: zeo.maxConnections,
      ...options,
      address,
    });
  } catch (error) {
    for (const storage of storages.values()) await storage.close();
    // Any other reason not to listen may pass: whoever supervises the program tries that again, but no configuration.
    throw error instanceof Deno.errors.AddrInUse
      ? addressError(zeo.position, "address", address, error.message)
      : error;
  }
}
