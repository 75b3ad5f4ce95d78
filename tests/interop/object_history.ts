/**
 * Random histories of what applications do with objects: who does what, with numbers for objects.
 *
 * @module
 */

import { chances } from "./chances.ts";
import type { Json } from "./session.ts";

/** The name of a step, then what it is done with. */
export type HistoryStep = readonly [name: string, ...args: Json[]];

/** One history: how many connections, objects that their caches hold, and what they do in turn. */
export interface History {
  readonly seed: number;
  readonly connections: number;
  readonly cache: number;
  readonly steps: readonly HistoryStep[];
}

/** Classes of objects, as the histories call them. */
export type Kind = "thing" | "map" | "list" | "iotree" | "ootree" | "length" | "blob";

const kinds: readonly Kind[] = [
  "thing",
  "thing",
  "thing",
  "map",
  "list",
  "iotree",
  "ootree",
  "length",
  "blob",
];

/** The history of a seed. */
export function historyOf(seed: number): History {
  const numbers = chances(seed);
  const chance = () => numbers.next().value;
  const below = (limit: number) => Math.floor(chance() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)];
  const connections = 2 + below(2), cache = pick([400, 400, 400, 5, 2]);
  const steps: HistoryStep[] = [], known: Kind[] = ["map"];
  const some = (...wanted: Kind[]): number => {
    const found = known.flatMap((kind, h) => wanted.includes(kind) ? [h] : []);
    return found.length === 0 ? 0 : pick(found);
  };
  const any = () => below(known.length);
  // One that was told unchanged, and changed again, is stored twice by Python, and a pack keeps the second place.
  const twice = seed % 3 === 0;
  const attribute = () => pick(["a", "b", "c"]);
  const value = (depth = 0): Json => {
    switch (below(depth > 2 ? 5 : 14)) {
      case 0:
        return null;
      case 1:
        return pick(["x", "", "ä𝄞"]);
      case 2:
        return chance() < 0.5;
      case 5:
        return { list: Array.from({ length: below(4) }, () => value(depth + 1)) };
      case 6:
        return { tuple: Array.from({ length: below(4) }, () => value(depth + 1)) };
      case 7:
        return { dict: ["p", "q", "r"].slice(below(4)).map((key) => [key, value(depth + 1)]) };
      case 8:
        return { set: [pick([1, "s"])] };
      case 9:
        return { twice: value(depth + 1) };
      case 10:
        return { point: value(depth + 1) };
      case 11:
        // Python does not import what it has exported with weak references in it.
        return chance() < 0.3 && seed % 4 !== 0 ? { weak: any() } : { ref: any() };
      case 12:
      case 13:
        return { ref: any() };
      default:
        return pick([0, 1, -1, 7, 300, 70_000, 2 ** 40]);
    }
  };
  const key = (h: number): Json => known[h] === "iotree" ? below(40) : pick(["k", "l", "m", "n"]);
  const make = (c: number) => {
    const h = known.length;
    known.push(pick(kinds));
    steps.push(["new", c, h, known[h]]);
    const where = chance();
    if (where < 0.55) {
      const holder = chance() < 0.4 ? 0 : some("thing", "map");
      if (known[holder] === "thing" && holder !== h) steps.push(["set", c, holder, attribute(), { ref: h }]);
      else steps.push(["put", c, 0, `h${h}`, { ref: h }]);
    } else if (where < 0.65) steps.push(["add", c, h]);
    else if (where < 0.72) steps.push(["far", c, h]);
  };
  const weighted: readonly (readonly [number, (c: number) => void])[] = [
    [16, make],
    [10, (c) => steps.push(["set", c, some("thing"), attribute(), value()])],
    [3, (c) => steps.push(["delete", c, some("thing"), attribute()])],
    [6, (c) => steps.push(["inside", c, some("thing"), attribute(), value(1)])],
    [6, (c) => {
      const h = some("map", "iotree", "ootree");
      steps.push(["put", c, h, key(h), value()]);
    }],
    [3, (c) => {
      const h = some("map", "iotree", "ootree");
      steps.push(["take", c, h, h === 0 ? `h${any()}` : key(h)]);
    }],
    [2, (c) => {
      const h = some("iotree", "ootree");
      if (h > 0) steps.push(["fill", c, h, below(100), pick([3, 40, 100]), known[h] === "ootree"]);
    }],
    [5, (c) => known.includes("list") && steps.push(["push", c, some("list"), value()])],
    [2, (c) => known.includes("list") && steps.push(["pop", c, some("list")])],
    [1, (c) => {
      const h = some("map", "list", "iotree", "ootree");
      if (h > 0) steps.push(["clear", c, h]);
    }],
    [4, (c) => known.includes("length") && steps.push(["change", c, some("length"), below(9) - 4])],
    [
      5,
      (c) =>
        known.includes("blob") &&
        steps.push([pick(["write", "append"]), c, some("blob"), pick(["", "one", "two"])]),
    ],
    [4, (c) => steps.push(["fetch", c, any()])],
    [12, (c) => steps.push(["read", c, any()])],
    [20, (c) => steps.push(["commit", c, pick(["", "note", "ä"])])],
    [5, (c) => steps.push(["abort", c])],
    [5, (c) => steps.push(["begin", c])],
    [0.5, (c) => steps.push(["doom", c])],
    [7, (c) => steps.push(["savepoint", c])],
    [6, (c) => steps.push(["rollback", c, below(6)])],
    [3, (c) => steps.push(["current", c, any()])],
    [3, (c) => steps.push(["changed", c, any(), pick(twice ? [true, false, null] : [true, null])])],
    [3, (c) => steps.push(["deactivate", c, any()])],
    [2, (c) => steps.push(["invalidate", c, any()])],
    [2, (c) => steps.push(["minimize", c])],
    [1, (c) => steps.push(["collect", c])],
    [2, (c) => steps.push(["reopen", c])],
    [2, (c) => steps.push(["past", c, below(20), any()])],
    [2, () => steps.push(["undo", below(4)])],
    [twice ? 0 : 1.5, () => steps.push(["pack"])],
    [seed % 4 === 0 ? 2 : 0, (c) => {
      const to = known.length, h = any();
      known.push(known[h]);
      steps.push(["copy", c, h, to]);
    }],
    [1, (c) => steps.push(["old", c, any()])],
  ];
  const total = weighted.reduce((sum, [weight]) => sum + weight, 0);
  for (const length = 10 + below(80); steps.length < length;) {
    let at = chance() * total;
    const [, step] = weighted.find(([weight]) => (at -= weight) < 0)!;
    step(below(connections));
  }
  return { seed, connections, cache, steps };
}
