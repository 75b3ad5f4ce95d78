/** What a Python application does over ZEO with one server, in both encodings, and what the file says afterwards. */

import { assert, assertEquals } from "@std/assert";
import { encodings, interopTest } from "./peers.ts";

for (const { name, msgpack } of encodings) {
  await interopTest(`Python applications work on the server, ${name}`, async (peers, context) => {
    await using server = await peers.start({ msgpack, zeo: { "invalidation-queue-size": 1000 } });
    const { address } = server;
    const python = peers.session();

    await context.step("a script that knows only ZEO.DB((host, port)) runs as it is", async () => {
      assertEquals(await peers.script("application.py", ...[address].flat().map(String)), "one two three\n");
    });
    await context.step("objects are made, changed and read back", async () => {
      assertEquals(await python.call("objects.application", { address }), { apples: 7, name: "Obst ✓" });
    });
    await context.step("BTrees of thousands of objects stay whole", async () => {
      const seen = await python.call("objects.btrees", { address, count: 2000 });
      assertEquals(seen, { total: 1999 * 1000, left: 1000, length: 1000 });
    });
    await context.step("records of any size come back byte for byte", async () => {
      const lengths = [0, 1, 200, 255, 256, 65_000, 65_535, 65_536, 1_000_000, 5_000_000];
      assertEquals(await python.call("objects.sizes", { address, lengths }), lengths.map(() => true));
    });
    await context.step("what was aborted leaves no trace, and frees its objects", async () => {
      assertEquals(await python.call("objects.abort", { address }), { middle: 2, never: false, value: 4 });
    });
    await context.step(
      "R18: two writers of one object: the second gets a ConflictError, and its retry works",
      async () => {
        assertEquals(await python.call("objects.conflict", { address }), {
          error: "ZODB.POSException.ConflictError",
          oid: true,
          class: "persistent.mapping.PersistentMapping",
          serials: [true, true],
          seen: 1,
          after: 11,
        });
      },
    );
    await context.step(
      "readCurrent of a changed object gives a ReadConflictError, and the retry works",
      async () => {
        assertEquals(await python.call("objects.read_conflict", { address }), {
          error: "ZODB.POSException.ReadConflictError",
          oid: true,
          serials: [true, true],
          after: 8,
        });
      },
    );
    await context.step(
      "old revisions: history, loadBefore, loadSerial, a historical connection",
      async () => {
        const seen = await python.call<Past>("objects.past", { address });
        const { tids } = seen;
        assertEquals([seen.newest, seen.getTid, seen.lastTransaction], [tids[3], tids[3], tids[3]]);
        const entry = (value: number) => [tids[value], "/ historian", `value ${value} é`, value];
        assertEquals(seen.history.map((item) => item.slice(0, 4)), [entry(3), entry(2), entry(1)]);
        assert(seen.history[0][4], "history's size is that of the record");
        assertEquals(seen.wholeHistory, 4);
        const revisions = tids.map((tid, index) => [tid, tids[index + 1] ?? null]);
        assertEquals(seen.before, [null, ...revisions]);
        assertEquals(seen.serialsAgree, [true, true, true, true]);
        assertEquals(seen.historical, [0, 1, 2, 3]);
        assertEquals(seen.unknown, Array(4).fill("ZODB.POSException.POSKeyError"));
      },
    );
    await context.step("S12: a deleted object is gone, its past is not", async () => {
      assertEquals(await python.call("objects.delete", { address }), {
        wrongSerial: "ZODB.POSException.ConflictError",
        load: "ZODB.POSException.POSKeyError",
        before: "80034e2e80034b012e",
        getTid: "ZODB.POSException.POSKeyError",
      });
    });
    await context.step("a read-only client reads, hears of changes and may not write", async () => {
      const refused = "ZODB.POSException.ReadOnlyError";
      const seen = await python.call("objects.read_only", { address });
      assertEquals(seen, { isReadOnly: true, errors: [refused, refused] });
    });
    await context.step("server_status counts, and names what the monitor knows", async () => {
      const seen = await python.call<Status>("objects.status", { address });
      assertEquals(seen.keys, [
        ...["connections", "loads", "stores", "commits", "aborts", "active_txns", "lock_time", "conflicts"],
        ...["conflicts_resolved", "start", "waiting", "timeout-thread-is-alive", "last-transaction"],
      ]);
      const { connections, commits, stores, last, length, size, undo } = seen;
      assertEquals({ connections, commits, stores, last, length, size, undo }, {
        ...{ connections: 0, commits: 1, stores: 2, last: true, length: true, size: true, undo: true },
      });
    });
    await context.step("V05: a client that goes away after its vote holds nobody up", async () => {
      assertEquals(await python.call("objects.vanish", { address }), true);
    });
    await context.step("clients that come and go see what the one before left", async () => {
      const seen = await python.call("objects.many_connections", { address, count: 10 });
      assertEquals(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });
    await context.step(
      "the server ends cleanly, and Python's FileStorage agrees object by object",
      async () => {
        const snapshot = await python.call<Snapshot>("peer.snapshot", { address });
        assert(Object.keys(snapshot.objects).length > 1000);
        assertEquals((await server.stop()).code, 0);
        const path = `${peers.folder}/Data.fs`;
        assertEquals(await python.call("files.index_is_right", { path }), { same: true, end: true });
        assertEquals(await python.call("files.check", { path, snapshot }), []);
      },
    );
  });
}

interface Past {
  readonly tids: string[];
  readonly newest: string;
  readonly getTid: string;
  readonly lastTransaction: string;
  readonly history: [string, string, string, number, boolean][];
  readonly wholeHistory: number;
  readonly before: ([string, string | null] | null)[];
  readonly serialsAgree: boolean[];
  readonly historical: number[];
  readonly unknown: string[];
}

interface Status {
  readonly keys: string[];
  readonly connections: number;
  readonly commits: number;
  readonly stores: number;
  readonly last: boolean;
  readonly length: boolean;
  readonly size: boolean;
  readonly undo: boolean;
}

type Snapshot = { readonly lastTransaction: string; readonly objects: Record<string, [string, string]> };
