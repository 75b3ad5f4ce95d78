import { assert, assertEquals } from "@std/assert";
import { FileRecordCache } from "../../cache/file_record_cache.ts";
import { withCachePath } from "./folder.ts";
import { History, judge, seeded, SimulatedClient } from "./history.ts";
import { LossyFile } from "./lossy_file.ts";

/** How often the power goes, or a process is killed: more on demand. */
const CRASHES = Number(Deno.env.get("ZEO_CACHE_CRASHES") ?? 0);

const pause = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("R16, R20: after a power failure at any moment, what the cache says is true", () =>
  withCachePath(async (path) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = seeded(seed);
    let survived = 0, refused = 0;
    const runs = CRASHES || 40;
    try {
      for (let run = 0; run < runs; run++) {
        const history = new History([{ from: 1, seed: run * 10 }]);
        let image: Uint8Array = new Uint8Array();
        for (let life = 0; life < 4; life++) {
          Deno.writeFileSync(path, new Uint8Array());
          const file = new LossyFile(image);
          const size = 8000 + Math.floor(random() * 4) * 12000;
          const options = { size, memory: Math.floor(random() * 10000), syncInterval: 0 };
          let opened = 0;
          {
            await using cache = FileRecordCache.openOn(
              path,
              options,
              () => opened++ === 0 ? file : new LossyFile(),
            );
            survived += judge(cache, history);
            if (opened > 1) refused++;
            const last = Number(cache.lastTid);
            // The server's disk was lost as well: what comes after the last tid is not what came after it before.
            if (last > 0 && random() < 0.5) {
              history.branches.push({ from: last + 1, seed: run * 10 + life + 1 });
            }
            const client = new SimulatedClient(cache, history, random);
            client.connect(Math.floor(random() * 5));
            if (opened === 1) file.writesLeft = 1 + Math.floor(random() * 400);
            for (let step = 0; step < 300 && file.writesLeft > 0; step++) {
              client.step();
              if (random() < 0.05) await pause();
            }
            file.writesLeft = 0;
            image = file.imageAfterLoss(random);
          }
          if (opened > 1) image = new Uint8Array();
        }
      }
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    assert(survived > runs, `only ${survived} revisions survived ${runs * 4} lives (seed ${seed})`);
    assert(refused < runs * 3, "every file was refused");
    if (CRASHES) console.log({ runs, survived, refused });
  }));

Deno.test("R16: a process killed between any two writes leaves a whole file", () =>
  withCachePath(async (path) => {
    let images = 0;
    for (let seed = 0; seed < 3; seed++) {
      const size = 9000 + seed * 15_000;
      const play = async (writes: number) => {
        const file = new LossyFile();
        file.writesLeft = writes;
        Deno.writeFileSync(path, new Uint8Array());
        await using cache = FileRecordCache.openOn(path, { size, memory: 3000, syncInterval: 0 }, () => file);
        const client = new SimulatedClient(cache, new History([{ from: 1, seed }]), seeded(seed));
        client.connect(0);
        for (let step = 0; step < 150 && file.writesLeft > 0; step++) {
          client.step();
          if (step % 40 === 39) await pause();
        }
        const ended = file.writesLeft > 0;
        file.writesLeft = 0;
        return { image: file.image(), ended };
      };
      for (let writes = 8;; writes += 3) {
        const { image, ended } = await play(writes);
        if (ended) break;
        images++;
        Deno.writeFileSync(path, new Uint8Array());
        let opened = 0;
        await using cache = FileRecordCache.openOn(path, { size }, () => {
          opened++;
          return new LossyFile(image);
        });
        judge(cache, new History([{ from: 1, seed }]));
        assertEquals(
          [opened, cache.statistics.corrupt],
          [1, 0],
          `seed ${seed}, killed after ${writes} writes`,
        );
      }
    }
    assert(images > 100, `${images}`);
  }));

Deno.test("R16: a process killed at any moment leaves a cache that opens and says the truth", () =>
  withCachePath(async (path) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = seeded(seed);
    const history = new History([{ from: 1, seed: 0 }]);
    const size = 60_000;
    let survived = 0;
    for (let life = 1; life <= (CRASHES || 10); life++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--no-prompt",
          "--no-check",
          "--allow-read",
          "--allow-write",
          new URL("victim.ts", import.meta.url).pathname,
          path,
          String(size),
          String(Math.floor(random() * 2 ** 32)),
          JSON.stringify(history.branches),
        ],
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      const output = child.stdout.getReader();
      await output.read();
      await new Promise((resolve) => setTimeout(resolve, random() * 150));
      child.kill("SIGKILL");
      await child.status;
      await output.cancel();
      await using cache = FileRecordCache.open(path, { size });
      const { corrupt } = cache.statistics;
      try {
        // A kill may fall between an end and its seal, or into the write of one record, not more.
        assert(corrupt <= 1, `${corrupt} records are damaged`);
        survived += judge(cache, history);
        let moved = true;
        try {
          Deno.statSync(`${path}.bad`);
        } catch {
          moved = false;
        }
        assert(!moved, "the cache was moved aside");
      } catch (error) {
        throw new Error(`seed ${seed}, life ${life}`, { cause: error });
      }
      const last = Number(cache.lastTid);
      if (last > 0 && random() < 0.5) history.branches.push({ from: last + 1, seed: life });
    }
    assert(survived > 20, `only ${survived} revisions survived (seed ${seed})`);
  }));
