/**
 * What is measured, by name: one table from which every way of telling it is made.
 *
 * @module
 */

import { tidTime } from "../../values/mod.ts";
import { inner, type Metric, type Moment, type Sample, server, storage, times } from "./metric.ts";

/** Registered connections by storage and by what their clients call themselves. */
function byClient({ server, labels }: Moment): Sample<number>[] {
  const found = new Map<string, Map<string, number>>(server.storages.map(({ id }) => [id, new Map()]));
  for (const { storage, client } of server.connections) {
    const counts = storage === undefined ? undefined : found.get(storage);
    if (!counts) continue;
    const label = labels.of(client);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...found].flatMap(([storage, counts]) =>
    [...counts].map(([client, value]) => ({ labels: { storage, client }, value }))
  );
}

/** Everything that is measured. */
export const METRICS: readonly Metric[] = [
  server(
    "gauge",
    "start_timestamp",
    "seconds",
    "When the server was started, since 1970.",
    ({ server }) => server.start / 1000,
  ),
  server(
    "gauge",
    "open_connections",
    "",
    "Open connections, registered or not.",
    ({ server }) => server.connections.length,
  ),
  server(
    "counter",
    "accepted_connections",
    "",
    "Connections that were accepted.",
    ({ server }) => server.accepted,
  ),
  server(
    "counter",
    "refused_connections",
    "",
    "Connections refused because there were too many.",
    ({ server }) => server.refused,
  ),
  server("counter", "received", "bytes", "Bytes received from clients.", ({ server }) => server.received),
  server("counter", "sent", "bytes", "Bytes sent to clients.", ({ server }) => server.sent),
  server(
    "gauge",
    "buffered",
    "bytes",
    "Bytes that wait for clients to read them.",
    ({ server }) => server.connections.reduce((sum, { buffered }) => sum + buffered, 0),
  ),
  server("gauge", "resident_memory", "bytes", "Memory of the process.", ({ memory }) => memory.rss),
  server("gauge", "heap_used", "bytes", "Memory of JavaScript objects.", ({ memory }) => memory.heapUsed),
  server("gauge", "heap", "bytes", "Memory held for JavaScript objects.", ({ memory }) => memory.heapTotal),
  server(
    "gauge",
    "external_memory",
    "bytes",
    "Memory of buffers outside the heap.",
    ({ memory }) => memory.external,
  ),
  {
    ...{ name: "event_loop_lag", unit: "seconds", type: "histogram" },
    help: "How late a timer that is due ten times a second gets its turn.",
    samples: ({ lag }) => [{ labels: {}, value: lag.seconds }],
  },
  {
    ...{ name: "connections", unit: "", type: "gauge" },
    help:
      "Registered connections, by the label that the client has set; `other` for all but the first 50 labels.",
    samples: byClient,
  },
  storage("counter", "loads", "", "Records loaded by clients.", ({ statistics }) => statistics.loads),
  storage(
    "counter",
    "stores",
    "",
    "Records stored, restored and deleted by clients.",
    ({ statistics }) => statistics.stores,
  ),
  storage(
    "counter",
    "stored",
    "bytes",
    "Bytes of the records that clients stored.",
    ({ statistics }) => statistics.storedBytes,
  ),
  storage("counter", "commits", "", "Transactions committed.", ({ statistics }) => statistics.commits),
  storage(
    "counter",
    "aborts",
    "",
    "Transactions that clients gave up, or left behind unfinished.",
    ({ statistics }) => statistics.aborts,
  ),
  storage(
    "counter",
    "conflicts",
    "",
    "Votes that ended in a conflict.",
    ({ statistics }) => statistics.conflicts,
  ),
  storage(
    "counter",
    "conflicts_resolved",
    "",
    "Objects whose conflicts were resolved.",
    ({ statistics }) => statistics.conflictsResolved,
  ),
  storage(
    "counter",
    "transaction_timeouts",
    "",
    "Transactions ended because they took too long.",
    ({ statistics }) => statistics.timeouts,
  ),
  storage(
    "gauge",
    "active_transactions",
    "",
    "Transactions that have begun and not ended.",
    ({ active }) => active,
  ),
  storage(
    "gauge",
    "waiting_votes",
    "",
    "Votes that wait for objects that others have.",
    ({ waiting }) => waiting,
  ),
  storage(
    "gauge",
    "holding_transactions",
    "",
    "Transactions that have their objects, from vote to end.",
    ({ holding }) => holding,
  ),
  storage(
    "gauge",
    "oldest_lock",
    "seconds",
    "For how long the oldest of those has had them; 0 when there is none.",
    ({ lockedSince }) => lockedSince === null ? 0 : Math.max(Date.now() - lockedSince, 0) / 1000,
  ),
  times("lock_wait", "How long votes wait for their objects.", ({ statistics }) => statistics.lockWait),
  times("lock_hold", "How long transactions have their objects.", ({ statistics }) => statistics.lockHold),
  times(
    "commit",
    "From a client's tpc_finish until the transaction is durable and visible.",
    ({ statistics }) => statistics.finish,
  ),
  times(
    "fsync",
    "How long it takes to make commits durable; several may share one.",
    ({ storage }) => storage?.syncs?.seconds,
  ),
  storage(
    "gauge",
    "invalidation_queue_transactions",
    "",
    "Transactions remembered for clients that come back.",
    ({ remembered }) => remembered,
  ),
  storage("gauge", "storage_size", "bytes", "Bytes that the storage takes.", ({ size }) => size),
  storage("gauge", "storage_objects", "", "Objects in the storage.", ({ objects }) => objects),
  storage(
    "gauge",
    "storage_read_only",
    "",
    "Whether changes are refused because that is how it is set up.",
    ({ readOnly }) => readOnly,
  ),
  storage(
    "gauge",
    "storage_failed",
    "",
    "Whether the storage takes no changes although it should.",
    ({ fault }) => fault !== undefined,
  ),
  storage(
    "gauge",
    "last_transaction_timestamp",
    "seconds",
    "The time in the last transaction's id, since 1970; 0 when there is none.",
    ({ lastTransaction }) => lastTransaction === 0n ? 0 : tidTime(lastTransaction) / 1000,
  ),
  inner(
    "counter",
    "record_cache_hits",
    "",
    "Records found in memory.",
    ({ recordCache }) => recordCache?.hits,
  ),
  inner(
    "counter",
    "record_cache_misses",
    "",
    "Records not found in memory.",
    ({ recordCache }) => recordCache?.misses,
  ),
  inner(
    "gauge",
    "record_cache",
    "bytes",
    "Memory that records take.",
    ({ recordCache }) => recordCache?.bytes,
  ),
  inner("gauge", "pack_running", "", "Whether the storage is being packed.", ({ packs }) => packs?.running),
  inner(
    "gauge",
    "pack_done_objects",
    "",
    "Objects done in the present step of the pack.",
    ({ packs }) => packs && (packs.progress?.objects ?? 0),
  ),
  inner(
    "gauge",
    "pack_done",
    "bytes",
    "Bytes done in the present step of the pack.",
    ({ packs }) => packs && (packs.progress?.bytes ?? 0),
  ),
  inner(
    "gauge",
    "pack_step",
    "bytes",
    "Bytes of the present step of the pack, at most.",
    ({ packs }) => packs && (packs.progress?.totalBytes ?? 0),
  ),
  inner(
    "counter",
    "packs",
    "",
    "Packs that were done, those with nothing to drop included.",
    ({ packs }) => packs?.done,
  ),
  inner("counter", "failed_packs", "", "Packs that failed or were given up.", ({ packs }) => packs?.failed),
  inner(
    "gauge",
    "last_pack_timestamp",
    "seconds",
    "When the last pack was over, since 1970; 0 when there was none.",
    ({ packs }) => packs && (packs.last?.at ?? 0) / 1000,
  ),
  inner(
    "gauge",
    "last_pack_duration",
    "seconds",
    "How long the last pack took; 0 when there was none.",
    ({ packs }) => packs && (packs.last?.seconds ?? 0),
  ),
];
