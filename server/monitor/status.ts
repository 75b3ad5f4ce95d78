/**
 * Everything that is measured as JSON, for people and their scripts: also what has no place in numbers, as names,
 * and each connection by itself.
 *
 * @module
 */

import type { StorageStatistics } from "../../storage/mod.ts";
import { formatTid, type Histogram, NO_TID, tidTime } from "../../values/mod.ts";
import type { ConnectionMeasures, StorageMeasures } from "./measures.ts";
import type { Moment } from "./metric.ts";

/** Connections that are listed; a server with more says how many it left out. */
const MOST_CONNECTIONS = 5000;

/** All that is measured at a moment. */
export function statusJson({ server, lag, memory }: Moment): string {
  const { state, start, accepted, refused, received, sent, storages, connections } = server;
  const listed = connections.slice(0, MOST_CONNECTIONS);
  return JSON.stringify({
    state,
    start: time(start),
    uptimeSeconds: (Date.now() - start) / 1000,
    acceptedConnections: accepted,
    refusedConnections: refused,
    openConnections: connections.length,
    receivedBytes: received,
    sentBytes: sent,
    eventLoopLagSeconds: { last: lag.last, ...summary(lag.seconds) },
    memoryBytes: memory,
    storages: storages.map(storageStatus),
    connections: listed.map(connectionStatus),
    connectionsLeftOut: connections.length - listed.length,
  });
}

function storageStatus(measures: StorageMeasures): Record<string, unknown> {
  const { id, name, kind, readOnly, fault, statistics, lockedSince, lastTransaction } = measures;
  const { loads, stores, storedBytes, commits, aborts, conflicts, conflictsResolved, timeouts } = statistics;
  return {
    ...{ id, name, kind, readOnly, fault: fault ?? null },
    lastTransaction: formatTid(lastTransaction),
    lastTransactionTime: lastTransaction === NO_TID ? null : time(tidTime(lastTransaction)),
    objects: measures.objects,
    sizeBytes: measures.size,
    ...{ loads, stores, storedBytes, commits, aborts, conflicts, conflictsResolved, timeouts },
    connections: measures.connections,
    activeTransactions: measures.active,
    waitingVotes: measures.waiting,
    holdingTransactions: measures.holding,
    lockedSince: lockedSince === null ? null : time(lockedSince),
    invalidationQueueTransactions: measures.remembered,
    lockWaitSeconds: summary(statistics.lockWait),
    lockHoldSeconds: summary(statistics.lockHold),
    commitSeconds: summary(statistics.finish),
    ...(measures.storage ? innerStatus(measures.storage) : {}),
  };
}

function innerStatus({ syncs, recordCache, packs }: StorageStatistics): Record<string, unknown> {
  return {
    fsyncSeconds: syncs && summary(syncs.seconds),
    recordCache: recordCache &&
      { hits: recordCache.hits, misses: recordCache.misses, bytes: recordCache.bytes },
    pack: packs && {
      running: packs.running,
      progress: packs.progress ?? null,
      last: packs.last ? { ...packs.last, at: time(packs.last.at) } : null,
      done: packs.done,
      failed: packs.failed,
    },
  };
}

function connectionStatus(measures: ConnectionMeasures): Record<string, unknown> {
  const { peer, since, storage, client, readOnly, transaction, transactionSeconds } = measures;
  return {
    peer,
    since: time(since),
    storage: storage ?? null,
    client,
    readOnly,
    transaction: transaction ?? null,
    transactionSeconds: transactionSeconds ?? null,
    calls: measures.calls,
    receivedBytes: measures.received,
    sentBytes: measures.sent,
    bufferedBytes: measures.buffered,
  };
}

/** A histogram in a few numbers; the last two are estimates. */
function summary(histogram: Histogram): Record<string, number | null> {
  const { count, sum } = histogram;
  return { count, sum, median: histogram.quantile(0.5), percentile99: histogram.quantile(0.99) };
}

/** A moment as text. A storage may say any number. */
function time(milliseconds: number): string | null {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
