/**
 * The server's room: listening, sessions, object locks, invalidations, statistics.
 *
 * @module
 */

export * from "./storage_server.ts";
export { type LockRequest, ObjectLocks, type Ticket } from "./object_locks.ts";
export { type Invalidation, InvalidationQueue, type Missed } from "./invalidation_queue.ts";
export { type Moment, Statistics } from "./statistics.ts";
