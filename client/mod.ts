/**
 * The client: a storage behind a server, with its connection manager, cache and verification.
 *
 * @module
 */

export type { CommittedTransaction } from "./changes.ts";
export { ClientStorage } from "./client_storage.ts";
export type { ClientEvents, ClientListener } from "./events.ts";
export type { ClientAddress, ClientOptions } from "./options.ts";
export type { ClientPackOptions, ServerStatus, UndoSpecification } from "./server_methods.ts";
export { ServerBehindError } from "./verification.ts";
