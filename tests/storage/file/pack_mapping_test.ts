/**
 * Packing a storage in memory. The numbers are those that Python's gives for the same history.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { MappingStorage } from "../../../storage/mod.ts";
import { NO_TID, oid, POSKeyError, type Tid, tidSeconds } from "../../../values/mod.ts";
import { commit } from "../samples.ts";
import { linked } from "./pack_samples.ts";

Deno.test("a storage in memory drops revisions before the pack time, then what no kept revision refers to", async () => {
  const storage = new MappingStorage("memory", ticking());
  const put = (...changes: [number, Tid, Uint8Array][]) => commit(storage, changes);
  const first = await put([0, NO_TID, linked("r", [1])], [1, NO_TID, linked("a")], [2, NO_TID, linked("b")]);
  const second = await put([1, first, linked("a2", [3])], [3, NO_TID, linked("c")]);
  const third = await put([1, second, linked("a3")]);
  const revisions = (id: number) => storage.history(oid(id), 10).length;
  const result = storage.pack(tidSeconds(second) + 0.001);
  assertEquals(result.objects, [4, 3]);
  assertEquals([0, 1, 3].map(revisions), [1, 2, 1]);
  assertThrows(() => storage.getTid(oid(2)), POSKeyError);
  assertEquals(storage.lastInvalidations(9).map(({ oids }) => oids.length), [1, 2, 1]);
  assertThrows(() => storage.pack(tidSeconds(first)), RangeError, "Already packed to a later time");
  assertEquals(storage.pack(tidSeconds(third) + 0.001).objects, [3, 2]);
  assertEquals(storage.lastInvalidations(9).map(({ oids }) => oids.length), [1, 1]);
  assertEquals(storage.size(), 2 * 50 + 2 * 100 + linked("r", [1]).length + linked("a3").length);
  assertEquals(storage.lastTransaction(), third);
  await put([0, first, linked("r", [1, 9])]);
  assertThrows(() => storage.pack(Date.UTC(2025) / 1000), POSKeyError);
  assertEquals(storage.length(), 2);
  assertEquals(new MappingStorage().pack(0).outcome, "nothing");
});

/** A clock that goes a second further each time. */
function ticking(): () => number {
  let time = Date.UTC(2024, 0, 1);
  return () => time += 1000;
}
