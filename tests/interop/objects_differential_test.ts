/**
 * Random histories of what applications do with objects, with Python's ZODB and with ours: the same outcomes, values and
 * states of objects after every step, and the same records afterwards.
 *
 * `ZEO_OBJECT_HISTORIES` says how many (default 60), `ZEO_OBJECT_SEED` the first one's seed (default 1).
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type History, historyOf } from "./object_history.ts";
import { ObjectSide } from "./object_side.ts";
import { interopTest, type Json } from "./peers.ts";

const BATCH = 60;

function numberFrom(name: string, otherwise: number): number {
  const text = Deno.env.get(name) ?? String(otherwise);
  if (!/^\d+$/.test(text)) throw new Error(`${name} ${JSON.stringify(text)}: expected a number`);
  return Number(text);
}

type Told = readonly [before: unknown, steps: readonly unknown[], end: unknown];

async function carriedOut(path: string, history: History): Promise<Told> {
  await using side = await ObjectSide.open(path, history);
  const before = side.seen(), steps: unknown[] = [];
  for (const step of history.steps) steps.push(await side.step(step));
  return [before, steps, await side.close()];
}

/** The same with ids of objects in the order in which they are met: what fails or is imported takes other ones. */
function renumbered(told: Told): Told {
  const numbers = new Map<string, number>();
  const number = (database: Json, oid: Json) => {
    const key = `${database} ${oid}`;
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    return numbers.get(key)!;
  };
  const visit = (value: Json): Json => {
    if (!Array.isArray(value)) return value;
    if (value[0] === "@") return ["@", value[1], number(value[1], value[2]), value[3]];
    if (value.length === 6 && typeof value[4] === "string" && typeof value[3] === "number") {
      return [...value.slice(0, 3), number(value[4], value[3]), ...value.slice(4)];
    }
    return value.map(visit);
  };
  return visit(told as unknown as Json) as unknown as Told;
}

/** The innermost parts that differ, with the way to them. */
function parted(ours: unknown, theirs: unknown, way: number[] = []): [unknown, unknown] {
  if (Array.isArray(ours) && Array.isArray(theirs) && ours.length === theirs.length && way.length < 3) {
    const at = ours.findIndex((part, i) => JSON.stringify(part) !== JSON.stringify(theirs[i]));
    return parted(ours[at], theirs[at], [...way, at]);
  }
  return [{ way, is: ours }, { way, is: theirs }];
}

/** What differs first; undefined when nothing does. */
function difference({ steps, cache }: History, ours: Told, theirs: Told): string | undefined {
  const text = (value: unknown) => JSON.stringify(value);
  const told = (what: string, one: unknown, other: unknown) =>
    `${what}\n  ours:   ${text(one)}\n  python: ${text(other)}`;
  if (text(ours[0]) !== text(theirs[0])) return told("the start", ours[0], theirs[0]);
  for (const [i, step] of steps.entries()) {
    if (text(ours[1][i]) === text(theirs[1][i])) continue;
    const before = steps.slice(0, i).map(text).join("\n    ");
    const [ourPart, theirPart] = parted(ours[1][i], theirs[1][i]);
    if (Deno.env.get("ZEO_OBJECT_TRACE")) {
      console.error(told("all", ours[1][i], theirs[1][i]), text(ours[1][i - 1]), "cache", cache);
    }
    return told(`step ${i}, ${text(step)}, after\n    ${before}`, ourPart, theirPart);
  }
  return text(ours[2]) === text(theirs[2])
    ? undefined
    : told(`the end, after\n    ${steps.map(text).join("\n    ")}`, ours[2], theirs[2]);
}

await interopTest("random histories of objects are the same as with Python's", async (peers) => {
  const count = numberFrom("ZEO_OBJECT_HISTORIES", 60), first = numberFrom("ZEO_OBJECT_SEED", 1);
  const python = peers.session(), wrong: number[] = [];
  for (let done = 0; done < count; done += BATCH) {
    const histories = Array.from(
      { length: Math.min(BATCH, count - done) },
      (_, i) => historyOf(first + done + i),
    );
    const folders = ["ours", "theirs"].map((name) => `${peers.folder}/${done}-${name}`);
    for (const folder of folders) await Deno.mkdir(folder);
    const calling = python.call<Told[]>("object_histories.run", {
      folder: folders[1],
      histories: histories as never,
    }, 600_000);
    calling.catch(() => {});
    const ours: Told[] = [];
    for (const [i, history] of histories.entries()) {
      ours.push(await carriedOut(`${folders[0]}/${i}`, history));
    }
    const theirs = await calling;
    for (const [i, history] of histories.entries()) {
      const [one, other] = [ours[i], theirs[i]].map(renumbered);
      const found = difference(history, one, other);
      if (found === undefined) continue;
      wrong.push(history.seed);
      if (wrong.length <= 3) console.error(`seed ${history.seed}: ${found}`);
    }
    // Where an import took ids in another order, records of one transaction may lie in another one too.
    const pairs = histories.flatMap(({ seed, steps }, i) =>
      wrong.includes(seed) || steps.some(([name]) => name === "copy")
        ? []
        : ["one", "two"].map((name) => [seed, ...folders.map((folder) => `${folder}/${i}-${name}.fs`)])
    );
    const files = await python.call<unknown[]>("object_histories.compare", { pairs });
    for (const file of files.slice(0, 3)) console.error(JSON.stringify(file, null, 1));
    assertEquals(files.length, 0, "files that differ, of the seeds above");
    for (const folder of folders) await Deno.remove(folder, { recursive: true });
  }
  assertEquals(wrong, [], "seeds of histories that differ");
});
