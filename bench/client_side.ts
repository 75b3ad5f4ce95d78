/**
 * What our client does in a second; `client_side.py` is its counterpart, and does the same.
 *
 * usage: client_side.ts HOST PORT FOLDER OBJECTS SECONDS
 *
 * For each line with the name of a case it prints how often that was done in a second.
 *
 * @module
 */

import { client, type ClientOptions } from "../client.ts";
import { MAX_TID, type Oid, oid as asOid, type Tid } from "../values/mod.ts";

const CACHE = 256 << 20;
const BATCH = 1000;
const WARM = 20_000;
const RECORD = new Uint8Array(512).fill(0x78);
const METADATA = { user: new Uint8Array(), description: new Uint8Array(), extension: new Uint8Array() };

const [hostname, port, folder] = Deno.args;
const [objects, seconds] = Deno.args.slice(3).map(Number);

const oids = Array.from({ length: objects }, (_, number) => asOid(number));

function opened(options: ClientOptions = {}) {
  return client({ hostname, port: Number(port) }, { cacheSize: CACHE, ...options });
}

function shuffle<T>(items: T[]): T[] {
  for (let at = items.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    [items[at], items[other]] = [items[other], items[at]];
  }
  return items;
}

/** Does something again and again; it says how many times at once. @returns How often in a second. */
async function rate(most: number, step: (done: number) => Promise<number>): Promise<number> {
  const start = performance.now();
  for (let count = 0;;) {
    count += await step(count);
    const taken = performance.now() - start;
    if (taken >= seconds * 1000 || count >= most) return count / taken * 1000;
  }
}

async function oneByOne(): Promise<number> {
  await using storage = await opened();
  shuffle(oids);
  return await rate(objects, async (done) => {
    await storage.loadBefore(oids[done], MAX_TID);
    return 1;
  });
}

async function pipelined(): Promise<number> {
  await using storage = await opened();
  shuffle(oids);
  return await rate(objects, async (done) => {
    const batch = oids.slice(done, done + BATCH);
    await storage.prefetch(batch, MAX_TID);
    for (const oid of batch) await storage.loadBefore(oid, MAX_TID);
    return batch.length;
  });
}

const kept = { cache: `${folder}/bench.zec` };
const chosen = shuffle(oids).slice(0, WARM);

async function fill(): Promise<void> {
  await using storage = await opened(kept);
  await storage.prefetch(chosen, MAX_TID);
}

async function warm(): Promise<number> {
  // With commits in between the server may not know any more what has changed since.
  await fill();
  let count = 0, taken = 0;
  while (taken < seconds * 1000 / 3) {
    await using storage = await opened(kept);
    shuffle(chosen);
    const start = performance.now();
    for (const oid of chosen) await storage.loadBefore(oid, MAX_TID);
    taken += performance.now() - start;
    count += WARM;
  }
  return count / taken * 1000;
}

async function commits(size: number): Promise<number> {
  await using storage = await opened();
  const serials = new Map<Oid, Tid>();
  for (const oid of oids.slice(0, size)) serials.set(oid, (await storage.loadBefore(oid, MAX_TID))!.serial);
  return await rate(Infinity, async () => {
    const transaction = storage.begin(METADATA);
    for (const [oid, serial] of serials) transaction.store(oid, serial, RECORD);
    await transaction.vote();
    const tid = await transaction.finish();
    for (const oid of serials.keys()) serials.set(oid, tid);
    return 1;
  });
}

const cases: Readonly<Record<string, () => Promise<number>>> = {
  "cold loads, one by one": oneByOne,
  "cold loads, prefetched": pipelined,
  "warm loads": warm,
  "commits of 1 object": () => commits(1),
  "commits of 100 objects": () => commits(100),
};
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  for (const name of text.split("\n").filter(Boolean)) console.log(await cases[name]());
}
