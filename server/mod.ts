/**
 * The server's room: listening, sessions, object locks, invalidations, statistics.
 *
 * @module
 */

export * from "./storage_server.ts";
export { addressInUse } from "./listener.ts";
export { type TlsServerOptions } from "./tls_handshakes.ts";
export { Monitor } from "./monitor/http.ts";
export { startTelemetry } from "./monitor/telemetry.ts";
export type {
  CommitObserver,
  CommitOutcome,
  CommitTrace,
  ConnectionMeasures,
  ServerMeasures,
  ServerState,
  StorageMeasures,
  TransactionState,
  Watched,
} from "./monitor/measures.ts";
export { type Invalidation, InvalidationQueue, type Missed } from "./invalidation_queue.ts";
export { type Moment, Statistics } from "./statistics.ts";
