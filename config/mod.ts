/**
 * Configuration files and the server's command line: reading what they say, and the event log that they describe.
 *
 * {@link resolveServerConfiguration} is what a server starts with; {@link parseServerConfiguration} and
 * {@link parseDatabaseConfiguration} read texts. All of them throw {@link ConfigurationError}, which says where in
 * which file the mistake is, and what was expected.
 *
 * @module
 */

export type {
  ClientKeys,
  ClientSslSection,
  ClientStorageSection,
  ZeoClientSection,
} from "./client_sections.ts";
export type { BeforeKeys, BeforeMoment } from "./before_section.ts";
export * from "./command_line.ts";
export { loadConflictResolvers } from "./conflict_resolvers.ts";
export { Certificates } from "./daemon/certificates.ts";
export { Crashes } from "./daemon/crashes.ts";
export { PidFile } from "./daemon/pid_file.ts";
export { enterRunner } from "./daemon/runner.ts";
export { ServiceManager } from "./daemon/service_manager.ts";
export { Signals } from "./daemon/signals.ts";
export {
  type DatabaseConfiguration,
  loadDatabaseConfiguration,
  parseDatabaseConfiguration,
  type ZodbSection,
} from "./database_configuration.ts";
export { parseDatabaseUri } from "./database_uri.ts";
export { ConfigurationError, type ConfigurationErrorSubject, type Position } from "./errors.ts";
export * from "./eventlog.ts";
export type {
  EmailNotifierSection,
  HandlerExtras,
  HandlerSection,
  HttpLoggerSection,
  LogfileSection,
  PlacedEventlog,
  PlacedLogger,
  SyslogSection,
  WindowsEventlogSection,
} from "./handler_sections.ts";
export type { ConfigurationHost, PathKind } from "./host.ts";
export { type OpenedStorage, openStorage, storageKind } from "./open_storage.ts";
export * from "./resolve.ts";
export type { RunnerSection } from "./runner_section.ts";
export {
  type ConfigurationOptions,
  DEFAULT_STORAGE_NAME,
  loadServerConfiguration,
  parseServerConfiguration,
  type ServerConfiguration,
} from "./server_configuration.ts";
export { type DescribedServer, describeServer, type ServerTexts } from "./server_texts.ts";
export * from "./socket_address.ts";
export { addressError, listeningAddress, requireFreeAddress, startServer } from "./start_server.ts";
export { loadClientTls, loadServerTls } from "./ssl.ts";
export {
  storageFromFile,
  type StorageFromOptions,
  storageFromString,
  storageFromURL,
} from "./storage_from.ts";
export type {
  BeforeStorageSection,
  BlobStorageSection,
  DemoStorageSection,
  FileStorageSection,
  MappingStorageSection,
  StorageSection,
  StorageSectionBase,
  ZlibStorageSection,
} from "./storage_sections.ts";
export { DEFAULT_TRANSACTION_TIMEOUT, type ServerSslSection, type ZeoSection } from "./zeo_section.ts";
