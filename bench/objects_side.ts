/**
 * One process of `objects.ts` with our object layer: does what it is told on standard input, a word a line, and answers
 * each with the seconds that it took.
 *
 * ```sh
 * deno run -A bench/objects_side.ts HOST PORT NUMBER OBJECTS
 * ```
 *
 * @module
 */

import { ClientStorage } from "../client/mod.ts";
import { type Connection, DB, load, Persistent, PersistentMap, registerClass } from "../zodb/mod.ts";

/** What is stored. */
class Thing extends Persistent {
  constructor(public data: string) {
    super();
  }
}
registerClass("objects_side.Thing", Thing);

const [host, port, number, count] = Deno.args;
const objects = Number(count);
let changes = 0;

async function open(): Promise<DB> {
  const storage = new ClientStorage({ hostname: host, port: Number(port) }, { cacheSize: 64 << 20 });
  return await DB.open(storage, { cache: { objects: 10 * objects } });
}

/** This process's objects, without them. */
async function container(connection: Connection): Promise<PersistentMap<string, Thing>> {
  const all = (await connection.root.get<PersistentMap<string, PersistentMap<string, Thing>>>("objects"))!;
  return (await all.get(number))!;
}

function text(): string {
  return `${number} ${++changes} `.padEnd(128, "x");
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function read(connection: Connection): Promise<void> {
  const things = [...(await container(connection)).values()];
  await load(things);
  let length = 0;
  for (const { data } of things) length += data.length;
  if (length !== 128 * objects) throw new Error(`${length} characters read`);
}

let db = await open();
let connection = db.open();

const steps: Readonly<Record<string, () => Promise<number>>> = {
  async prepare() {
    const all = new PersistentMap<string, PersistentMap<string, Thing>>();
    for (let process = 0; process < 16; process++) all.set(String(process), new PersistentMap());
    await connection.root.set("objects", all);
    await connection.commit();
    return 0;
  },
  async add() {
    await connection.begin();
    const things = await container(connection);
    return await timed(async () => {
      for (let name = 0; name < objects; name++) things.set(String(name), new Thing(text()));
      await connection.commit();
    });
  },
  async update() {
    await connection.begin();
    return await timed(async () => {
      const things = [...(await container(connection)).values()];
      await load(things);
      for (const thing of things) thing.data = text();
      await connection.commit();
    });
  },
  async cold() {
    await db.close();
    db = await open();
    connection = db.open();
    return await timed(() => read(connection));
  },
  async warm() {
    await connection.begin();
    connection.cacheMinimize();
    return await timed(() => read(connection));
  },
  async hot() {
    await connection.begin();
    return await timed(() => read(connection));
  },
};

let rest = "";
console.log("ready");
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop()!;
  for (const line of lines) console.log(await steps[line]());
}
await db.close();
