/**
 * The client: a database on a server, from a Deno application.
 *
 * @module
 */

import { type ClientAddress, type ClientOptions, ClientStorage } from "./client/mod.ts";

export * from "./client/mod.ts";

/**
 * Connects to a server.
 *
 * @param address A server, or several with the same database: any of them will do.
 * @returns When it is connected; at once with `wait: false`.
 * @throws {ClientDisconnected} when there is no connection within `waitTimeout`; why the servers refuse this client when
 * all do; the signal's reason when it is aborted. Nothing is left open then.
 *
 * @example
 * ```ts
 * import { client } from "./client.ts";
 * import { server } from "./server.ts";
 *
 * await using running = await server();
 * await using storage = await client([running.address as { hostname: string; port: number }]);
 * console.log(storage.lastTransaction());
 * ```
 */
export async function client(
  address: ClientAddress | readonly ClientAddress[],
  options: ClientOptions = {},
): Promise<ClientStorage> {
  const storage = new ClientStorage(address, options);
  if (options.wait === false) return storage;
  try {
    await storage.ready;
  } catch (error) {
    await storage.close();
    throw error;
  }
  return storage;
}
