/**
 * `zeo cache simulate`: how caches of other sizes would have done with the loads of a trace.
 *
 * @module
 */

import { type Simulated, Simulation } from "../cache/mod.ts";
import { tracedEvents } from "./cache_trace.ts";
import { Failure, type Invocation, UsageError } from "./command.ts";
import { bytesText } from "./progress.ts";
import { fixed } from "./python_text.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1 << 10, M: 1 << 20, G: 1 << 30 };
const DEFAULT_SIZES = "5MB,20MB,80MB";
/** All are simulated at once, and take their room at once. */
const MOST = 16;

/** Runs it. */
export async function simulateCaches(path: string, invocation: Invocation): Promise<number> {
  const { output, json, count } = invocation;
  const sizes = parseSizes(invocation.value("size") ?? DEFAULT_SIZES), memory = count("memory") > 0;
  const folder = memory ? undefined : await Deno.makeTempDir({ prefix: "zeo-simulation-" });
  try {
    const results = await simulate(path, sizes, folder, invocation);
    if (json) output.json({ kind: memory ? "memory" : "file", caches: results });
    else for (const line of lines(results)) output.line(line);
    return 0;
  } catch (error) {
    if (error instanceof RangeError) throw new Failure(`${path}: ${error.message}`);
    throw error;
  } finally {
    if (folder !== undefined) await Deno.remove(folder, { recursive: true });
  }
}

async function simulate(
  path: string,
  sizes: readonly number[],
  folder: string | undefined,
  invocation: Invocation,
): Promise<Simulated[]> {
  using all = new DisposableStack();
  const caches = sizes.map((size) =>
    all.use(
      new Simulation(
        size,
        folder === undefined ? { kind: "memory" } : { kind: "file", path: `${folder}/${size}.zec` },
      ),
    )
  );
  for await (const event of tracedEvents(path, invocation)) {
    invocation.signal.throwIfAborted();
    for (const cache of caches) cache.event(event);
  }
  return caches.map(({ result }) => result);
}

/** Sizes in bytes. @throws {UsageError} when a text is none. */
export function parseSizes(text: string): number[] {
  const sizes = text.split(",").map((part) => {
    const match = /^(\d+)([KMG]?)B?$/i.exec(part.trim());
    const size = match ? Number(match[1]) * UNITS[match[2].toUpperCase()] : NaN;
    if (Number.isSafeInteger(size) && size > 0) return size;
    throw new UsageError(`--size ${JSON.stringify(part)}: expected bytes, for example 20MB or 5MB,20MB,80MB`);
  });
  const different = [...new Set(sizes)].sort((one, other) => one - other);
  if (different.length > MOST) throw new UsageError(`--size: ${different.length} of them, at most ${MOST}`);
  return different;
}

function* lines(results: readonly Simulated[]): Generator<string, void> {
  yield "      SIZE      LOADS       HITS HITRATE    INVALS     WRITES     EVICTS     IN USE";
  for (const { size, loads, hits, invalidations, writes, evictions, bytes } of results) {
    const share = loads === 0 ? "n/a" : `${fixed(hits / loads * 100, 1)}%`;
    const columns = [invalidations, writes, evictions].map(String);
    yield [
      sizeText(size).padStart(10),
      String(loads).padStart(10),
      String(hits).padStart(10),
      share.padStart(7),
      columns[0].padStart(9),
      columns[1].padStart(10),
      columns[2].padStart(10),
      bytesText(bytes).padStart(10),
    ].join(" ");
  }
}

/** A size as it was given: in the largest unit of which it has a whole number. */
function sizeText(size: number): string {
  const unit = ["G", "M", "K"].find((unit) => size % UNITS[unit] === 0);
  return unit === undefined ? String(size) : `${size / UNITS[unit]}${unit}B`;
}
