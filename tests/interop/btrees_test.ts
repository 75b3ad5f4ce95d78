/** BTrees of every family, changed by Python and TypeScript: what one does, the other does to the byte. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ClientStorage } from "../../client/mod.ts";
import {
  type BTree,
  DB,
  difference,
  intersection,
  multiunion,
  type SortedContainer,
  type SortedMap,
  union,
  type Weighted,
  weightedIntersection,
  weightedUnion,
} from "../../zodb/mod.ts";
import { interopTest, type Json, type Peers, type PythonSession } from "./peers.ts";
import {
  contentOf,
  decode,
  encode,
  FAMILIES,
  normal,
  type Operation,
  step,
  type Tree,
  treeClass,
} from "./trees.ts";

/** Transactions of steps on a tree in the root. */
type Script = readonly [name: string, transactions: readonly (readonly Operation[])[]];

/** A key of a family; greater for a greater number, whatever its type. */
function keyOf(family: string, n: number): Json {
  switch (family) {
    case "OO":
      // In UTF-16, what is beyond U+FFFF comes before U+FFxx.
      return ["k", "\uff21", "\u{1f600}"][n % 3] + String(n).padStart(3, "0");
    case "OI":
      return n % 2 ? { f: `${n}.5` } : { i: String(n) };
    case "OU":
      return n === 0 ? null : { t: [{ i: String(n % 7) }, `x${n}`] };
    case "OL":
      return { i: `${BigInt(n - 10) * 2n ** 66n}` };
    case "OQ":
      return { b: n.toString(16).padStart(4, "0") };
    case "fs":
      return { b: (n * 61).toString(16).padStart(4, "0") };
  }
  switch (family[0]) {
    case "I":
      return { i: String((n - 30) * 2_000_000) };
    case "U":
      return { i: String(n * 4_000_000) };
    case "L":
      return { i: String(BigInt(n - 30) * 2n ** 53n) };
    default:
      return { i: String(BigInt(n) * 2n ** 54n) };
  }
}

function valueOf(family: string, n: number): Json {
  if (family === "fs") return { b: n.toString(16).padStart(12, "0") };
  switch (family[1]) {
    case "O":
      return [
        { i: String(n) },
        { l: [{ i: String(n) }, null] },
        { f: `${n}.25` },
        { f: `${n}.0` },
        true,
      ][n % 5];
    case "F":
      return { f: `${n}.25` };
    case "I":
      return { i: String(-n) };
    case "L":
      return { i: String(-BigInt(n) * 2n ** 55n) };
    case "Q":
      return { i: String(BigInt(n) * 2n ** 56n) };
    default:
      return { i: String(n * 1000) };
  }
}

/** A step, with numbers for keys and values. */
function operations(space: number): fc.Arbitrary<readonly [string, number, number]> {
  const name = fc.oneof(
    { weight: 8, arbitrary: fc.constant("set") },
    { weight: 7, arbitrary: fc.constant("delete") },
    ...["insert", "setdefault", "pop", "get", "has", "minKey", "maxKey", "keys", "size", "popItem"].map((
      one,
    ) => ({
      weight: 1,
      arbitrary: fc.constant(one),
    })),
  );
  return fc.tuple(name, fc.nat(space - 1), fc.nat(200));
}

/** The same step for a tree of a family. */
function operationFor(family: string, kind: string, space: number) {
  return ([name, n, m]: readonly [string, number, number]): Operation => {
    const key = keyOf(family, n);
    if (kind === "TreeSet" && ["setdefault", "pop", "get"].includes(name)) name = "has";
    if (name === "set" || name === "insert" || name === "setdefault") return [name, key, valueOf(family, m)];
    if (name === "pop") return [name, key, null];
    if (name === "size" || name === "popItem") return [name];
    if (name === "keys") return [name, key, m % 3 ? keyOf(family, m % space) : null, m % 2 === 0, m % 4 < 2];
    return [name, key];
  };
}

async function runHere(path: string, scripts: readonly Script[]): Promise<Json[]> {
  await using db = await DB.open(path);
  await using connection = db.open();
  const results: Json[] = [];
  for (const [name, transactions] of scripts) {
    const tree = (await connection.root.get<Tree>(name))!;
    for (const operations of transactions) {
      const found: Json[] = [];
      for (const operation of operations) found.push(await step(tree, operation));
      results.push(found);
      await connection.commit();
    }
  }
  for (const [name] of scripts) await (await connection.root.get<SortedContainer<unknown>>(name))!.check();
  return results;
}

async function runThere(python: PythonSession, path: string, scripts: readonly Script[]): Promise<Json[]> {
  return await python.call<Json[]>("trees.run", { path, scripts: scripts as unknown as Json });
}

/** What the transactions of scripts are, for a failure's report. */
function transactionsOf(scripts: readonly Script[]): string[] {
  return scripts.flatMap(([name, transactions]) =>
    transactions.map((operations) => `${name} ${JSON.stringify(operations)}`)
  );
}

/** Runs three scripts after another: in Python, in TypeScript, and in both by turns. All files have to be equal. */
async function compare(
  { folder }: Peers,
  python: PythonSession,
  trees: readonly (readonly [name: string, family: string, kind: string, small: boolean])[],
  scripts: readonly (readonly Script[])[],
): Promise<void> {
  const directory = await Deno.makeTempDir({ dir: folder });
  const [theirs, ours, mixed] = ["theirs", "ours", "mixed"].map((name) => `${directory}/${name}.fs`);
  await python.call("trees.create", { path: theirs, trees: trees as unknown as Json });
  for (const path of [ours, mixed]) await Deno.copyFile(theirs, path);
  for (const [turn, part] of scripts.entries()) {
    const expected = (await runThere(python, theirs, part)).map(normal);
    const both = turn % 2 ? await runHere(mixed, part) : await runThere(python, mixed, part);
    for (const found of [await runHere(ours, part), both]) {
      for (const [i, results] of expected.entries()) {
        assertEquals(normal(found[i]), results, `${transactionsOf(part)[i]}`);
      }
    }
  }
  const expected = await python.call<string[][]>("trees.records", { path: theirs });
  for (const path of [ours, mixed]) {
    const found = await python.call<string[][]>("trees.records", { path });
    // One at a time, so that a failure shows what is different, and not everything.
    for (const [i, records] of expected.entries()) {
      assertEquals(found[i], records, `${path}: transaction ${i}`);
    }
    assertEquals(found.length, expected.length);
    assertEquals(await python.call("trees.check", { path }), []);
  }
}

await interopTest("every family's trees are changed to the byte as Python changes them", async (peers) => {
  const python = peers.session(), space = 60;
  const trees = FAMILIES.flatMap((family) =>
    ["BTree", "TreeSet"].map((kind) => [family + kind, family, kind, false] as const)
  );
  const part = fc.array(fc.array(operations(space), { minLength: 1, maxLength: 12 }), {
    minLength: 2,
    maxLength: 4,
  });
  // All at first, so that trees split; then what chance says.
  const fill = (count: number) =>
    Array.from({ length: count }, (_, i) => ["set", (i * 37) % count, i] as const);
  await fc.assert(
    fc.asyncProperty(fc.tuple(part, part, part), async (parts) => {
      const scripts = parts.map((transactions, turn) =>
        trees.map(([name, family, kind]): Script => {
          const large = family === "fs" ? 501 : family.includes("O") ? 62 : 123;
          const steps = turn === 0 ? [fill(large), ...transactions] : transactions;
          return [name, steps.map((steps) => steps.map(operationFor(family, kind, space)))];
        })
      );
      await compare(peers, python, trees, scripts);
    }),
    { numRuns: 2, endOnFailure: true },
  );
});

await interopTest("deep trees are changed to the byte as Python changes them", async (peers) => {
  const python = peers.session(), space = 150;
  const trees = ["OO", "IO", "II", "fs"].flatMap((family) =>
    ["BTree", "TreeSet"].map((kind) => [family + kind, family, kind, true] as const)
  );
  const transactions = fc.array(fc.array(operations(space), { minLength: 1, maxLength: 30 }), {
    minLength: 5,
    maxLength: 15,
  });
  const grow = [...Array(space).keys()].map((i) => ["set", i * 67 % space, i] as const);
  const shrink = [...Array(space).keys()].map((i) => ["delete", i * 41 % space, 0] as const);
  const slices = (steps: readonly (readonly [string, number, number])[], size: number) =>
    Array.from({ length: Math.ceil(steps.length / size) }, (_, i) => steps.slice(i * size, (i + 1) * size));
  await fc.assert(
    fc.asyncProperty(fc.tuple(transactions, transactions), async ([first, second]) => {
      const parts = [[...slices(grow, 20), ...first], second, slices(shrink, 7)];
      const scripts = parts.map((part) =>
        trees.map(([name, family, kind]): Script => [
          name,
          part.map((steps) => steps.map(operationFor(family, kind, space))),
        ])
      );
      await compare(peers, python, trees, scripts);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});

await interopTest("a tree of 100,000 keys is changed by both in turn, through a server", async (peers) => {
  const { address } = await peers.start(), python = peers.session(), name = "large";
  const call = (start: number, stop: number, stride: number, remove = false) =>
    python.call("trees.change", { address, name, family: "LL", start, stop, stride, remove });
  const count = 50_000,
    all = 2 * count,
    sum = (keys: Iterable<number>) => {
      let total = 0;
      for (const key of keys) total += 2 * key;
      return total;
    };
  const numbers = (from: number, to: number, stride: number) =>
    Array.from({ length: Math.ceil((to - from) / stride) }, (_, i) => from + i * stride);
  assertEquals(await call(0, all, 2), [count, sum(numbers(0, all, 2))]);
  const [hostname, port] = address as [string, number];
  await using db = await DB.open(new ClientStorage({ hostname, port }));
  for (let at = 1; at < all; at += 20_000) {
    await db.transaction(async ({ root }) => {
      const tree = (await root.get<BTree<number, number>>(name))!;
      for (const key of numbers(at, Math.min(at + 20_000, all), 2)) await tree.set(key, 2 * key);
    });
  }
  assertEquals(await call(0, all, 5, true), [80_000, sum(numbers(0, all, 1)) - sum(numbers(0, all, 5))]);
  await using connection = db.open();
  const tree = (await connection.root.get<BTree<number, number>>(name))!;
  const expected = numbers(0, all, 1).filter((key) => key % 5);
  assertEquals(await tree.keys().toArray(), expected);
  assertEquals(
    await tree.items(undefined, undefined, { reverse: true }).toArray(),
    expected.toReversed().map((key) => [key, 2 * key] as [number, number]),
  );
  await tree.check();
  for (const key of numbers(1, all, 2)) await tree.delete(key);
  await connection.commit();
  assertEquals(await call(0, 1, 1), [count - all / 10 + 1, sum(expected.filter((key) => key % 2 === 0))]);
});

await interopTest("both put keys into the same trees at once, and none is lost", async (peers) => {
  const { address } = await peers.start(),
    python = peers.session(),
    [hostname, port] = address as [string, number];
  await using db = await DB.open(new ClientStorage({ hostname, port }));
  await db.transaction(async ({ root }) => {
    for (const name of ["map", "set"]) {
      await root.set(name, new (treeClass(name === "map" ? "OIBTree" : "OITreeSet"))());
    }
  });
  const count = 150, key = (by: string, i: number) => `k${String(i * 7 % count).padStart(3, "0")}${by}`;
  const put = async () => {
    for (let i = 0; i < count; i += 3) {
      await db.transaction(async ({ root }) => {
        const map = (await root.get<Tree>("map"))! as SortedMap<unknown, unknown>;
        const set = (await root.get<Tree>("set"))! as BTree;
        for (const each of [i, i + 1, i + 2]) {
          await map.set(key("t", each), each);
          await step(set as Tree, ["set", key("t", each)]);
        }
      }, { retries: 1000, backOff: 1 });
    }
  };
  await Promise.all([put(), python.call("trees.put", { address, count })]);
  await using connection = db.open();
  const expected = [...Array(count).keys()].flatMap((i) => [key("p", i), key("t", i)]).sort();
  for (const name of ["map", "set"]) {
    const tree = (await connection.root.get<Tree>(name))!;
    await tree.check();
    assertEquals(await tree.keys().toArray(), expected);
  }
  assertEquals(await python.call("trees.check", { address }), []);
});

const KINDS = ["BTree", "TreeSet", "Bucket", "Set"] as const;

/** An operand as Python's side makes it, or none. */
function operandsOf(family: string): fc.Arbitrary<[string, Json[]] | null> {
  const keys = fc.uniqueArray(fc.nat(12), { maxLength: 8 });
  return fc.option(
    fc.tuple(fc.constantFrom(...KINDS), keys).map(([kind, keys]): [string, Json[]] => {
      const items = keys.map((n): Json => {
        const isSet = kind === "Set" || kind === "TreeSet";
        return isSet ? keyOf(family, n) : { t: [keyOf(family, n), valueOf(family, n)] };
      });
      return [kind, items];
    }),
    { freq: 6 },
  );
}

function operand(family: string, json: [string, Json[]] | null): Tree | null {
  return json && new (treeClass(family + json[0]))(json[1].map(decode));
}

async function shown(result: unknown, weight: unknown): Promise<Json> {
  if (!result) return normal([null, encode(weight)]);
  const tree = result as SortedContainer<unknown>;
  return [tree.constructor.name, normal(encode(await contentOf(tree))), normal(encode(weight))];
}

await interopTest("set operations give what Python's give", async (peers) => {
  const python = peers.session();
  const simple = { union, intersection, difference } as unknown as Record<string, Operate>;
  const weighted = { weightedUnion, weightedIntersection } as unknown as Record<string, Weigh>;
  // Python's sums go round where a family's values end.
  const numeric = FAMILIES.filter((family) => /^.[IF]$/.test(family));
  for (const family of FAMILIES) {
    await fc.assert(
      fc.asyncProperty(operandsOf(family), operandsOf(family), async (left, right) => {
        const [one, other] = [operand(family, left), operand(family, right)];
        for (const [name, operate] of Object.entries(simple)) {
          const expected = await python.call<Json>("trees.operate", {
            family,
            name,
            operands: [left, right],
          });
          assertEquals(await shown(await operate(one, other), undefined), normalResult(expected));
        }
        if (!numeric.includes(family)) return;
        for (const [name, operate] of Object.entries(weighted)) {
          const weights = [{ i: "3" }, { i: "-2" }];
          const expected = await python.call<Json>("trees.operate", {
            family,
            name,
            operands: [left, right],
            weights,
          });
          const { weight, result } = await operate(one, other, 3, -2);
          assertEquals(await shown(result, weight), normalResult(expected));
        }
      }),
      { numRuns: 6, endOnFailure: true },
    );
  }
  for (const family of FAMILIES.filter((family) => !/^[Of]/.test(family))) {
    const operands: [string, Json[]][] = KINDS.map((kind, i) => [
      kind,
      [i, i + 3, 7].map((n) =>
        kind.endsWith("Set") ? keyOf(family, n) : { t: [keyOf(family, n), valueOf(family, n)] }
      ),
    ]);
    const expected = await python.call<Json>("trees.operate", { family, name: "multiunion", operands });
    const trees = operands.map((one) => operand(family, one)! as SortedContainer<number>);
    assertEquals(await shown(await multiunion(trees), undefined), normalResult(expected));
  }
});

type Operate = (left: unknown, right: unknown) => Promise<unknown>;
type Weigh = (...args: unknown[]) => Promise<Weighted<unknown>>;

function normalResult(expected: Json): Json {
  const [name, ...rest] = expected as [Json, ...Json[]];
  return [name, ...rest.map(normal)];
}

await interopTest("items by value come as in Python", async (peers) => {
  const python = peers.session();
  for (const family of ["II", "LL"]) {
    const items = [[1, 5], [2, 9], [3, 5], [4, 0], [5, 30]].map((item) => ({ t: item.map(encode) }));
    const map = operand(family, ["BTree", items]) as BTree<number, number>;
    for (const least of [0, 1, 2, 5, 31]) {
      const expected = await python.call<Json>("trees.by_value", { family, items, least: encode(least) });
      assertEquals(
        encode((await map.byValue(least)).map((pair) => decode({ t: pair.map(encode) }))),
        expected,
      );
    }
  }
});
