/**
 * Opening `<clientstorage>` and `<zeoclient>`: a client of another server.
 *
 * @module
 */

import { join } from "@std/path";
import { type ClientAddress, ClientStorage } from "../client/mod.ts";
import type { ClientStorageSection, ZeoClientSection } from "./client_sections.ts";
import { ConfigurationError } from "./errors.ts";
import type { SocketAddress } from "./socket_address.ts";
import { loadClientTls } from "./ssl.ts";

/** Keys of `<zeoclient>` that the original accepts and ignores as well. */
const WITHOUT_EFFECT = [
  ["username", "username"],
  ["password", "password"],
  ["realm", "realm"],
] as const;

/**
 * Opens the storage and waits for the first connection, for as long as the section says; `wait off` doesn't wait.
 *
 * @throws {ConfigurationError} for a server without a port, and for certificates that can't be used.
 * @throws {ClientDisconnected} when no server is connected in time.
 * @throws what opening the caches throws: {@linkcode LockError} …
 */
export async function openClientStorage(
  section: ClientStorageSection | ZeoClientSection,
): Promise<ClientStorage> {
  const addresses = section.servers.map((server) => clientAddress(section, server));
  const { blobDir, sharedBlobDir, blobCacheSize, blobCacheSizeCheck, readOnly, readOnlyFallback } = section;
  const storage = new ClientStorage(addresses, {
    ...{ blobDir, sharedBlobDir, blobCacheSize, blobCacheSizeCheck, readOnly, readOnlyFallback },
    storage: section.storage,
    name: section.label === "" ? undefined : section.label,
    clientLabel: section.clientLabel,
    cacheSize: section.cacheSize,
    cache: cachePath(section),
    ...section.type === "clientstorage" && {
      serverSync: section.serverSync,
      waitTimeout: section.waitTimeout,
      tls: section.ssl && await loadClientTls(section.ssl),
    },
  });
  if (section.wait === false) return storage;
  try {
    await storage.ready;
    return storage;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** Keys that a section has and that do nothing. */
export function clientKeysWithoutEffect(section: ClientStorageSection | ZeoClientSection): string[] {
  if (section.type === "clientstorage") return [];
  return WITHOUT_EFFECT.filter(([property]) => section[property] !== undefined).map(([, key]) => key);
}

function clientAddress(
  section: ClientStorageSection | ZeoClientSection,
  server: SocketAddress,
): ClientAddress {
  if (server.kind === "unix") return { path: server.path };
  if (server.port) return { hostname: server.host, port: server.port };
  throw new ConfigurationError(section.position, "expected a host and a port from 1 on", {
    section: section.type,
    key: "server",
    value: server.host + (server.port === undefined ? "" : `:${server.port}`),
  });
}

function cachePath(section: ClientStorageSection | ZeoClientSection): string | undefined {
  if (section.type === "clientstorage") return section.cachePath;
  if (section.client === undefined) return undefined;
  return join(section.var ?? ".", `${section.client}-${section.storage}.zec`);
}
