/**
 * The same answers as the original's, case by case. `make_cases.py` says how to compare with more of them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { readRecord, recordClass } from "../../../pickle/mod.ts";
import { BTreeConflict, ConflictResolver, ResolverRegistry } from "../../../storage/conflict/mod.ts";
import { type Case, readCases, resolve } from "./cases.ts";

const { classes, cases, beyond } = readCases(Deno.env.get("CONFLICT_CASES"));
const resolver = new ConflictResolver();
const registry = new ResolverRegistry();

function about({ group, records, why }: Case): string {
  return `${group}, ${why ?? "merged"}: ${records.map((record) => record.toHex()).join(" ")}`;
}

Deno.test("a conflict is resolved if and only if Python resolves it, and to the same state", () => {
  for (const example of cases) {
    const ours = resolve(example.records, resolver), theirs = example.result;
    assertEquals(ours === undefined, theirs === undefined, about(example));
    if (ours === undefined || theirs === undefined) continue;
    if (example.exact) assertEquals(ours.toHex(), theirs.toHex(), about(example));
    else assertEquals(readRecord(ours), readRecord(theirs), about(example));
  }
});

Deno.test("nearly all resolved records are byte for byte Python's", () => {
  const resolved = cases.filter(({ result }) => result !== undefined);
  const exact = resolved.filter(({ records, result }) =>
    resolve(records, resolver)?.toHex() === result?.toHex()
  );
  assert(resolved.length > 1000);
  assert(exact.length > 0.99 * resolved.length, `${exact.length} of ${resolved.length}`);
});

/** What our resolver says of a conflict in BTrees; undefined when it does not refuse, or says nothing of BTrees. */
function refusal({ records: [old, committed, current] }: Case): string | undefined {
  const className = recordClass(current)?.toString() ?? "";
  const [first, second, third] = [old, committed, current].map((record) => readRecord(record).state);
  try {
    registry.get(className)?.(first, second, third);
  } catch (error) {
    if (error instanceof BTreeConflict) return error.message;
  }
  return undefined;
}

Deno.test("a refused conflict has Python's reason, at Python's positions", () => {
  const reasons = new Map<string, number>();
  for (const example of cases) {
    if (example.result !== undefined || example.group === "malformed" || example.group === "class forms") {
      continue;
    }
    const ours = refusal(example), reason = example.why?.split(": ")[1] ?? "";
    // Where Python's own comparison fails it goes on a little, and may report a conflict instead.
    const objects = /^(range )?(O|.O)/.test(example.group);
    if (ours !== undefined || !objects && example.why?.startsWith("BTrees conflict")) {
      assertEquals(ours, example.why, about(example));
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
  }
  const expected = [
    "Conflicting bucket split",
    "Conflicting changes",
    "Conflicting changes in an internal BTree node",
    "Conflicting delete and change",
    "Conflicting deletes",
    "Conflicting deletes, or delete and change",
    "Conflicting inserts",
    "Conflicting inserts or deletes",
    "Delete of first key",
    "Empty bucket in a transaction",
  ];
  assertEquals([...reasons.keys()].sort(), expected);
  for (const [reason, count] of reasons) assert(count >= 50, `${reason}: only ${count} cases`);
});

Deno.test("exactly the classes that Python knows have a resolver", () => {
  assertEquals(registry.classNames().sort(), classes.toSorted());
});

Deno.test("what Python resolves and we refuse, is this and no more", () => {
  assertEquals(beyond.map(({ group }) => group), [
    "Decimal",
    "timedelta",
    "aware datetime",
    "bytearray",
    "NaN in a tree of floats",
    "int beyond 2^53 in a tree of floats",
    "key without value",
    "next leaf that is no reference",
    "arguments that are no tuple",
    "class of three names",
    "pure Python twin",
  ]);
  for (const example of beyond) assertEquals(resolve(example.records, resolver), undefined, example.group);
});
