import { assert, assertEquals } from "@std/assert";
import { Dict, Float, Tuple, type Value } from "../../pickle/mod.ts";
import { MappingStorage } from "../../storage/mod.ts";
import {
  MAX_TID,
  NO_TID,
  type Oid,
  oid,
  oidBytes,
  StorageError,
  type Tid,
  tidBytes,
} from "../../values/mod.ts";
import { show } from "../protocol/show.ts";
import { assertFails } from "./errors.ts";
import { CapturedLog, Serving, VARIANTS } from "./serving.ts";
import { itemsOf, type WireClient } from "./wire_client.ts";

const text = new TextEncoder();
const x = oid(1), y = oid(2);
const id = (value: Oid) => oidBytes(value);
const at = (value: Tid) => tidBytes(value);
const sorted = (dict: Dict) => [...dict.keys()].map(String).sort();

function loadBefore(client: WireClient, oid: Oid, before: Tid): Promise<Value> {
  return client.call("loadBefore", id(oid), at(before));
}

for (const { storage, encoding } of VARIANTS) {
  const variant = `${storage} ${encoding}`;
  const answer = (value: Value) => show(value, encoding === "Z");
  const tuple = (...items: Value[]) => answer(new Tuple(items));

  Deno.test(`${variant}: loadBefore answers the revision and how long it was current`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    await assertFails(loadBefore(client, x, MAX_TID), "POSKeyError");
    const t1 = await client.begin().store(x, NO_TID, "one").commit();
    const t2 = await client.begin().store(x, t1, "two").store(y, NO_TID, "other").commit();
    const one = text.encode("one"), two = text.encode("two");
    assertEquals(answer(await loadBefore(client, x, t1)), "null");
    assertEquals(answer(await loadBefore(client, x, (t1 + 1n) as Tid)), tuple(one, at(t1), at(t2)));
    assertEquals(answer(await loadBefore(client, x, t2)), tuple(one, at(t1), at(t2)));
    assertEquals(answer(await loadBefore(client, x, (t2 + 1n) as Tid)), tuple(two, at(t2), null));
    assertEquals(answer(await loadBefore(client, x, MAX_TID)), tuple(two, at(t2), null));
    assertEquals(answer(await loadBefore(client, y, t2)), "null");
    const error = await assertFails(loadBefore(client, oid(77), MAX_TID), "POSKeyError");
    assertEquals(answer(error.detail), tuple(id(oid(77))));
    // With a pair as the id, as Python's clients do, and with one that takes the general path.
    const pair = new Tuple([id(x), at(MAX_TID)]);
    assertEquals(
      answer(await client.callAs(pair, "loadBefore", id(x), at(MAX_TID))),
      tuple(two, at(t2), null),
    );
    assertEquals(
      answer(await client.callAs("load", "loadBefore", id(x), at(t2))),
      tuple(one, at(t1), at(t2)),
    );
  });

  Deno.test(`${variant}: loadSerial, getTid and lastTransaction`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    assertEquals(await client.call("lastTransaction"), at(NO_TID));
    const t1 = await client.begin().store(x, NO_TID, "one").commit();
    const t2 = await client.begin().store(x, t1, "two").commit();
    assertEquals(await client.call("loadSerial", id(x), at(t1)), text.encode("one"));
    assertEquals(await client.call("loadSerial", id(x), at(t2)), text.encode("two"));
    await assertFails(client.call("loadSerial", id(x), at((t2 + 1n) as Tid)), "POSKeyError");
    await assertFails(client.call("loadSerial", id(y), at(t1)), "POSKeyError");
    assertEquals(await client.call("getTid", id(x)), at(t2));
    await assertFails(client.call("getTid", id(y)), "POSKeyError");
    assertEquals(await client.call("lastTransaction"), at(t2));
  });

  Deno.test(`${variant}: history, newest first, with what the transactions say about themselves`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    const extension = Dict.from([["k", 1], ["size", "mine"]]);
    const t1 = await client.begin({ user: "jim", description: "first", extension }).store(x, NO_TID, "one")
      .commit();
    const t2 = await client.begin().store(x, t1, "two!").commit();
    const entries = async (...args: Value[]) =>
      itemsOf(await client.call("history", id(x), ...args))!.map((entry) => entry as Dict);
    assertEquals((await entries()).map((entry) => answer(entry.get("tid")!)), [answer(at(t2))]);
    const [newest, oldest] = await entries(10);
    assertEquals(newest.get("size"), storage === "file" ? 4 : 4);
    assertEquals(answer(oldest.get("tid")!), answer(at(t1)));
    assertEquals(oldest.get("user_name"), text.encode("jim"));
    assertEquals(oldest.get("description"), text.encode("first"));
    assertEquals(oldest.get("k"), 1);
    assertEquals(oldest.get("size"), 3);
    const time = oldest.get("time")!;
    const seconds = time instanceof Float ? time.value : time as number;
    assert(Math.abs(seconds - Date.now() / 1000) < 60);
    const keys = ["description", "k", "size", "tid", "time", "user_name"];
    assertEquals(sorted(oldest), storage === "file" ? keys : [...keys, "extension", "serial"].sort());
    assertEquals((await entries(0)).length, 0);
    await assertFails(client.call("history", id(y)), "POSKeyError");
    await assertFails(client.call("history", id(x), "many"), "TypeError");
  });

  Deno.test(`${variant}: new_oids are new, as many as asked for within 1 to 100`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect(), two = await serving.connect();
    const seen: string[] = [];
    for (
      const [client, args, count] of [[one, [], 100], [two, [3], 3], [one, [0], 1], [
        two,
        [5000],
        100,
      ]] as const
    ) {
      const oids = itemsOf(await client.call("new_oids", ...args))!;
      assertEquals(oids.length, count);
      seen.push(...oids.map((bytes) => (bytes as Uint8Array).toHex()));
    }
    assertEquals(new Set(seen).size, seen.length);
    // Nor is an id given out that a client has stored without asking.
    const high = oid(100_000);
    await one.begin().store(high, NO_TID, "x").commit();
    const [next] = itemsOf(await two.call("new_oids", 1))!;
    assertEquals(next, oidBytes(oid(100_001)));
    await assertFails(one.call("new_oids", "ten"), "TypeError");
  });

  Deno.test(`${variant}: get_info says what the storage is and can`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    await client.begin().store(x, NO_TID, "one").commit();
    const info = await client.call("get_info") as Dict;
    assertEquals(sorted(info), [
      "interfaces",
      "invalidates_in_order",
      "length",
      "name",
      "size",
      "supportsUndo",
      "supports_record_iternext",
    ]);
    assertEquals(info.get("length"), 1);
    assertEquals(typeof info.get("size"), "number");
    const interfaces = itemsOf(info.get("interfaces")!)!;
    // Clients compare each pair with a tuple.
    if (encoding === "Z") assert(interfaces.every((pair) => pair instanceof Tuple));
    assertEquals(interfaces.map((pair) => itemsOf(pair)!.join(".")).at(-1), "zope.interface.Interface");
    assert(interfaces.some((pair) => itemsOf(pair)!.join(".") === "ZODB.interfaces.IStorage"));
  });

  Deno.test(`${variant}: what a storage can't do, or nobody can, is an error, not silence`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    await assertFails(client.call("sendBlob", id(x), at(NO_TID)), "TypeError");
    await assertFails(client.call("new_oid"), "AttributeError");
    assertEquals(await client.call("ping"), null);
  });

  Deno.test(`${variant}: wrong arguments of a call are told, and the connection goes on`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    const wrong: [string, ...Value[]][] = [
      ["loadBefore"],
      ["loadBefore", id(x)],
      ["loadBefore", id(x), at(MAX_TID), 1],
      ["loadBefore", 1, at(MAX_TID)],
      ["loadBefore", id(x), null],
      ["loadBefore", new Uint8Array(7), at(MAX_TID)],
      ["loadBefore", new Uint8Array(9), at(MAX_TID)],
      ["loadSerial", id(x), "00000000"],
      ["getTid", []],
      ["getTid", new Dict()],
      ["history", true],
      ["getInvalidations"],
      ["getInvalidations", 5],
      ["get_info", 1],
      ["ping", null],
      ["lastTransaction", null],
      ["server_status", 1],
      ["vote"],
      ["vote", null],
      ["vote", []],
      ["tpc_finish", 1.5, 2],
      ["tpc_abort"],
      ["storea", id(x), at(NO_TID), text.encode("x")],
    ];
    for (const [name, ...args] of wrong) await assertFails(client.call(name, ...args), "TypeError");
    // Arguments that are no sequence at all.
    for (const args of [null, 5, "ab", new Dict()]) {
      const reply = client.expect("odd");
      await client.send("odd", false, "ping", args);
      await assertFails(reply, "TypeError");
    }
    assertEquals(await client.call("ping"), null);
  });
}

/** A storage that fails to read one object, as one with a damaged file does. */
class DamagedStorage extends MappingStorage {
  override loadBefore(oid: Oid, before: Tid) {
    if (oid === y) throw new StorageError("record at 8123904 is damaged");
    return super.loadBefore(oid, before);
  }
}

Deno.test("a load that fails in the storage is told to its caller, who stays connected", async () => {
  await using log = await CapturedLog.start();
  await using serving = await Serving.start({ storage: new DamagedStorage() });
  const client = await serving.connect();
  const error = await assertFails(loadBefore(client, y, MAX_TID), "ValueError");
  assertEquals(itemsOf(error.detail), ["record at 8123904 is damaged"]);
  assertEquals(log.matching(/`'loadBefore'` raised exception: .*record at 8123904 is damaged/).length, 1);
  await assertFails(loadBefore(client, x, MAX_TID), "POSKeyError");
});

Deno.test("V01: an extension that msgpack has no form for is an error of that call, not of the connection", async () => {
  await using serving = await Serving.start();
  const writer = await serving.connect({ encoding: "Z" });
  const reader = await serving.connect({ encoding: "M" });
  const extension = Dict.from([["huge", 2n ** 70n]]);
  await writer.begin({ extension }).store(x, NO_TID, "one").commit();
  const error = await assertFails(reader.call("history", id(x)), "ValueError");
  assertEquals(itemsOf(error.detail), ["Couldn't pickle response"]);
  assertEquals(await reader.call("ping"), null);
  const [entry] = itemsOf(await writer.call("history", id(x)))!;
  assertEquals((entry as Dict).get("huge"), 2n ** 70n);
});
