/** Random histories of graphs: whatever is done, what is stored is what a model says. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { MappingStorage } from "../../storage/mod.ts";
import { DB, load, type Savepoint } from "../../zodb/mod.ts";
import { Item } from "./objects.ts";

type Step =
  | { readonly do: "value"; readonly node: number; readonly value: number }
  | { readonly do: "list"; readonly node: number; readonly value: number }
  | { readonly do: "link"; readonly node: number; readonly to: number; readonly slot: number }
  | { readonly do: "new"; readonly node: number; readonly slot: number; readonly value: number }
  | { readonly do: "unlink"; readonly node: number; readonly slot: number }
  | { readonly do: "commit" | "abort" | "savepoint" | "minimize" | "reopen" }
  | { readonly do: "rollback"; readonly which: number };

const small = fc.nat({ max: 7 }), slot = fc.nat({ max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("value"), node: small, value: small }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("list"), node: small, value: small }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("link"), node: small, to: small, slot }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("new"), node: small, slot, value: small }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("unlink"), node: small, slot }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom("commit", "abort", "savepoint", "minimize", "reopen") }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rollback"), which: small }) },
) as fc.Arbitrary<Step>;

/** A node of the model: what an item should have. */
interface Node {
  value: number;
  list: number[];
  readonly links: (Node | undefined)[];
}

const node = (value: number): Node => ({ value, list: [], links: [] });

/** What can be reached, in the order of a walk, as data with numbers for links. */
function shape(root: Node): unknown[] {
  const numbers = new Map<Node, number>([[root, 0]]), found: unknown[] = [];
  for (const { value, list, links } of numbers.keys()) {
    const to = [0, 1, 2].map((slot) => {
      const next = links[slot];
      if (next && !numbers.has(next)) numbers.set(next, numbers.size);
      return next ? numbers.get(next) : null;
    });
    found.push([value, [...list], to]);
  }
  return found;
}

/** The same for items, which look like nodes. */
async function itemShape(root: Item): Promise<unknown[]> {
  return shape(await load(root, { depth: Infinity }) as unknown as Node);
}

/** The nodes of a graph, in the order of a walk. */
function nodes(root: Node): Node[] {
  const seen = new Set([root]);
  for (const one of seen) for (const next of one.links) if (next) seen.add(next);
  return [...seen];
}

Deno.test("random edits, commits, aborts and savepoints leave what a model says", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60, size: "max" }),
      fc.constantFrom(3, 400),
      async (steps, objects) => {
        await using db = await DB.open(new MappingStorage(), { cache: { objects } });
        let connection = db.open(), committed = node(0), current = structuredClone(committed);
        await connection.root.set("top", new Item({ value: 0, list: [], links: [] }));
        await connection.commit();
        let savepoints: { readonly savepoint: Savepoint; readonly model: Node }[] = [];
        const top = async () => (await connection.root.get<Item>("top"))!;
        /** The nodes of model and database, in the same order. */
        const both = async (): Promise<[Node[], Item[]]> => {
          const root = await load(await top(), { depth: Infinity });
          return [nodes(current), nodes(root as unknown as Node) as unknown as Item[]];
        };
        for (const one of steps) {
          switch (one.do) {
            case "commit":
              await connection.commit();
              committed = structuredClone(current);
              savepoints = [];
              break;
            case "abort":
              await connection.abort();
              current = structuredClone(committed);
              savepoints = [];
              break;
            case "savepoint":
              savepoints.push({ savepoint: await connection.savepoint(), model: structuredClone(current) });
              break;
            case "rollback": {
              const at = savepoints[one.which % Math.max(savepoints.length, 1)];
              if (!at) break;
              savepoints.length = savepoints.indexOf(at) + 1;
              await at.savepoint.rollback();
              current = structuredClone(at.model);
              break;
            }
            case "minimize":
              connection.cacheMinimize();
              break;
            case "reopen":
              await connection.abort();
              connection.close();
              connection = db.open();
              current = structuredClone(committed);
              savepoints = [];
              break;
            default: {
              const [models, items] = await both(), at = one.node % models.length;
              const model = models[at], item = items[at] as unknown as Node;
              if (one.do === "value") model.value = item.value = one.value;
              else if (one.do === "list") {
                model.list.push(one.value);
                item.list.push(one.value);
              } else if (one.do === "link") {
                model.links[one.slot] = models[one.to % models.length];
                item.links[one.slot] = items[one.to % models.length] as unknown as Node;
              } else if (one.do === "unlink") {
                model.links[one.slot] = undefined;
                item.links[one.slot] = undefined;
              } else {
                model.links[one.slot] = node(one.value);
                item.links[one.slot] = new Item({ value: one.value, list: [], links: [] }) as unknown as Node;
              }
            }
          }
          assertEquals(await itemShape(await top()), shape(current), one.do);
        }
        await using other = db.open();
        assertEquals(await itemShape((await other.root.get<Item>("top"))!), shape(committed));
        await connection.abort();
        connection.close();
      },
    ),
    { numRuns: 100 },
  );
});
