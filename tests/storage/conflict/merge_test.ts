import { assert, assertEquals, assertThrows } from "@std/assert";
import * as logtape from "@logtape/logtape";
import {
  Float,
  Global,
  Instance,
  PersistentReference,
  readRecord,
  tuple,
  type Value,
  writeRecord,
} from "../../../pickle/mod.ts";
import {
  ConflictResolver,
  type Resolver,
  ResolverRegistry,
  Unresolvable,
} from "../../../storage/conflict/mod.ts";
import { type Oid, oid, oidBytes, POSKeyError, type Tid, tid } from "../../../values/mod.ts";
import { resolve } from "./cases.ts";

const registry = new ResolverRegistry();
const mergeBuckets = registry.get("BTrees.OOBTree.OOBucket") as Resolver;
const mergeTrees = registry.get("BTrees.OOBTree.OOBTree") as Resolver;
const mergeLengths = registry.get("BTrees.Length.Length") as Resolver;
const treeClass = new Global("BTrees.OOBTree", "OOBTree");

function bucket(items: Record<string, Value>, next?: PersistentReference): Value {
  const flat = tuple(...Object.entries(items).flat());
  return next === undefined ? tuple(flat) : tuple(flat, next);
}

function reference(number: number): PersistentReference {
  return new PersistentReference(tuple(oidBytes(oid(number)), treeClass));
}

function refusal(reason: string): (merge: () => Value) => void {
  return (merge) => assertThrows(merge, Unresolvable, reason);
}

Deno.test("changes to different keys of a bucket are put together", () => {
  assertEquals(
    mergeBuckets(bucket({ a: 1, b: 2 }), bucket({ a: 9, b: 2 }), bucket({ a: 1, b: 8 })),
    bucket({ a: 9, b: 8 }),
  );
  assertEquals(
    mergeBuckets(bucket({ a: 1, b: 2, c: 3 }), bucket({ a: 1, c: 3 }), bucket({ a: 1, b: 2 })),
    bucket({ a: 1 }),
  );
  assertEquals(mergeBuckets(bucket({}), bucket({ a: 1 }), bucket({ b: 1 })), bucket({ a: 1, b: 1 }));
});

Deno.test("a small tree is merged as its leaf is, and a tree with more leaves is not", () => {
  const small = (items: Record<string, Value>) => tuple(tuple(bucket(items)));
  assertEquals(mergeTrees(null, small({ a: 1 }), small({ b: 2 })), small({ a: 1, b: 2 }));
  const split = tuple(tuple(reference(1), "k", reference(2)), reference(1));
  for (const states of [[split, small({ a: 1 }), small({ a: 1 })], [small({ a: 1 }), split, split]]) {
    refusal("at -1/-1/-1: Conflicting changes in an internal BTree node")(() =>
      mergeTrees(states[0], states[1], states[2])
    );
  }
});

Deno.test("a Length counts both sides' changes, beyond 2^53 too, and floats as floats", () => {
  assertEquals(mergeLengths(10, 12, 9), 11);
  assertEquals(mergeLengths(2 ** 53 - 1, 2 ** 53 - 1, 2n ** 53n), 2n ** 53n);
  assertEquals(mergeLengths(2n ** 70n, 2n ** 70n, 5), 5);
  assertEquals(mergeLengths(1, new Float(2), 3), new Float(4));
  assertThrows(() => mergeLengths("1", "2", "3"), Unresolvable);
});

Deno.test("S14: the resolver is asked also when both sides made the same state", () => {
  assertEquals(mergeLengths(1, 2, 2), 3);
  const length = (state: number) => writeRecord(new Global("BTrees.Length", "Length"), state);
  const resolved = resolve([length(1), length(2), length(2)]);
  assertEquals(resolved && readRecord(resolved).state, 3);
  const same = bucket({ a: 9, b: 2 });
  refusal("at 1/1/1: Conflicting changes")(() => mergeBuckets(bucket({ a: 1, b: 2 }), same, same));
});

Deno.test("S15: a reference that was changed in the committed revision is a conflict, not a guess", () => {
  const [old, other] = [reference(1), reference(2)];
  assertThrows(
    () => mergeBuckets(bucket({ a: old }), bucket({ a: other }), bucket({ a: old })),
    Unresolvable,
  );
  assertEquals(
    mergeBuckets(bucket({ a: old }), bucket({ a: reference(1) }), bucket({ a: other })),
    bucket({ a: other }),
  );
  const weak = (number: number) => new PersistentReference(["w", tuple(oidBytes(oid(number)))]);
  assertThrows(
    () => mergeBuckets(bucket({ a: weak(1) }), bucket({ a: old }), bucket({ a: weak(1) })),
    Unresolvable,
  );
  assertEquals(
    mergeBuckets(bucket({ a: weak(1) }), bucket({ a: weak(1) }), bucket({ a: 5 })),
    bucket({ a: 5 }),
  );
});

Deno.test("S16: nothing is merged into an emptied bucket, across a split, or around a deleted first key", () => {
  refusal("Empty bucket in a transaction")(() =>
    mergeBuckets(bucket({ a: 1 }), bucket({}), bucket({ a: 1, b: 2 }))
  );
  refusal("Empty bucket in a transaction")(() =>
    mergeBuckets(bucket({ a: 1 }), bucket({ a: 1, b: 2 }), bucket({}))
  );
  refusal("Delete of first key")(() =>
    mergeBuckets(bucket({ a: 1, b: 2, c: 3 }), bucket({ a: 1, b: 2, c: 3, d: 4 }), bucket({ b: 2, c: 3 }))
  );
  refusal("Conflicting bucket split")(() =>
    mergeBuckets(
      bucket({ a: 1 }, reference(7)),
      bucket({ a: 1 }, reference(8)),
      bucket({ a: 1 }, reference(7)),
    )
  );
  refusal("Conflicting bucket split")(() =>
    mergeBuckets(bucket({ a: 1 }), bucket({ a: 1 }, reference(8)), bucket({ a: 1 }))
  );
  refusal("no reference")(() => {
    const damaged = tuple(tuple("a", 1), "next");
    return mergeBuckets(damaged, damaged, damaged);
  });
});

Deno.test("S17: the states are those of the revision that was read, of the committed one, and the new one", () => {
  const length = (state: number) => writeRecord(new Global("BTrees.Length", "Length"), state);
  const loaded: Tid[] = [];
  const question = {
    oid: oid(3),
    read: tid(10),
    committed: tid(30),
    newData: length(5),
    load(serial: Tid): Uint8Array {
      loaded.push(serial);
      return length(serial === tid(10) ? 1 : 100);
    },
  };
  const resolved = new ConflictResolver().resolve(question);
  assertEquals(resolved && readRecord(resolved).state, 104);
  assertEquals(loaded.toSorted(), [tid(10), tid(30)]);
});

Deno.test("S17: a revision that is gone is a conflict; a disk that fails is an error", () => {
  const load = (error: Error) => () =>
    new ConflictResolver().resolve({
      oid: oid(3),
      read: tid(10),
      committed: tid(30),
      newData: writeRecord(new Global("BTrees.Length", "Length"), 1),
      load: () => {
        throw error;
      },
    });
  assertEquals(load(new POSKeyError(3n as Oid, tid(10)))(), undefined);
  assertThrows(load(new Deno.errors.BadResource("disk")), Deno.errors.BadResource);
});

Deno.test("an instance of the application's that nobody has to compare is merged as it is", () => {
  const instance = new Instance("NEWOBJ", new Global("shop", "Price"), tuple());
  assertEquals(
    mergeBuckets(bucket({ a: 1 }), bucket({ a: 1, b: instance }), bucket({ a: 1, c: 2 })),
    bucket({ a: 1, b: instance, c: 2 }),
  );
  assertThrows(
    () => mergeBuckets(bucket({ a: instance }), bucket({ a: instance }), bucket({ a: 2 })),
    Unresolvable,
  );
});

Deno.test("keys are in the order of their code points", () => {
  const [low, high] = ["\uffff", "\u{10000}"];
  assertEquals(
    mergeBuckets(bucket({ a: 1 }), bucket({ a: 1, [low]: 1 }), bucket({ a: 1, [high]: 1 })),
    bucket({ a: 1, [low]: 1, [high]: 1 }),
  );
});

Deno.test("an embedding program's resolver is used, may refuse, and may break without harm", () => {
  const stock = new Global("shop", "Stock");
  const records = [1, 5, 7].map((state) => writeRecord(stock, state)) as [Uint8Array, Uint8Array, Uint8Array];
  assertEquals(resolve(records), undefined);
  const withResolver = (resolver: Resolver) =>
    resolve(records, new ConflictResolver(new ResolverRegistry().registerAll({ "shop.Stock": resolver })));
  assertEquals(withResolver((...states) => [...states]), writeRecord(stock, [1, 5, 7]));
  assertEquals(
    withResolver(() => {
      throw new Unresolvable("no");
    }),
    undefined,
  );
  assertEquals(
    withResolver((_old, _committed, current) => (current as unknown as Value[]).slice()),
    undefined,
  );
  assertEquals(withResolver(() => (() => 1) as unknown as Value), undefined);
});

Deno.test("a resolver's name and function are checked when it is registered", () => {
  const resolver: Resolver = (old) => old;
  for (const name of ["", "Stock", ".Stock", "shop.", "shop Stock.x"]) {
    assertThrows(() => registry.register(name, resolver), TypeError, JSON.stringify(name));
  }
  assertThrows(() => registry.register("shop.Stock", 5 as unknown as Resolver), TypeError, "number");
});

Deno.test("the log tells why a conflict was not resolved", async () => {
  const lines: string[] = [];
  await logtape.configure({
    reset: true,
    sinks: {
      lines: (record) =>
        lines.push(`${record.level} ${record.category.join(".")} ${record.message.join("")}`),
    },
    loggers: [
      { category: ["zeo"], sinks: ["lines"], lowestLevel: "debug" },
      { category: ["logtape", "meta"], lowestLevel: "fatal" },
    ],
  });
  try {
    const set = new Global("BTrees.OOBTree", "OOSet");
    const record = (...keys: string[]) => writeRecord(set, tuple(tuple(...keys)));
    assertEquals(resolve([record("a", "b"), record("a", "b", "c"), record("b")]), undefined);
    assertEquals(resolve([record("a"), record("a"), new Uint8Array([1, 2])]), undefined);
  } finally {
    await logtape.reset();
  }
  assertEquals(
    lines[0],
    "debug zeo.storage.conflict Conflict resolution on <class 'BTrees.OOBTree.OOSet'> failed with ConflictError: " +
      "0x01: BTrees conflict error at 1/1/1: Delete of first key",
  );
  assert(
    lines[1].startsWith(
      "debug zeo.storage.conflict Conflict resolution on an object failed with ConflictError: 0x01: ",
    ),
    lines[1],
  );
});
