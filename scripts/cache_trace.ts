/**
 * `zeo cache trace`: what an access trace tells, in the lines of `cache_stats`.
 *
 * @module
 */

import { readTrace, type TracedEvent } from "../cache/mod.ts";
import { Failure, type Invocation, UsageError, wholeNumber } from "./command.ts";
import { fixed } from "./python_text.ts";
import { type SizeCount, type TraceInterval, TraceStatistics, type TraceTotals } from "./trace_statistics.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

const MEANINGS: Readonly<Record<number, string>> = {
  0x00: "cache started",
  0x10: "invalidation, nothing there",
  0x1c: "invalidation, kept as non-current",
  0x1e: "invalidation, dropped",
  0x20: "load, miss",
  0x22: "load, hit",
  0x24: "load of a non-current revision, miss",
  0x26: "load of a non-current revision, hit",
  0x52: "store, current",
  0x54: "store, non-current",
};

/**
 * The events of a trace file; one whose name ends in `.gz` is unpacked.
 *
 * @throws {Failure} at what is no trace.
 */
export async function* tracedEvents(path: string, invocation: Invocation): AsyncGenerator<TracedEvent, void> {
  const { size: total } = await Deno.stat(path);
  const file = await Deno.open(path);
  using progress = invocation.progress("trace");
  let bytes = 0;
  const counted = file.readable.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        progress.update({ bytes: bytes += chunk.length, total });
        controller.enqueue(chunk);
      },
    }),
  );
  const source = path.endsWith(".gz") ? counted.pipeThrough(new DecompressionStream("gzip")) : counted;
  try {
    const left = yield* readTrace(source);
    if (left > 0) invocation.note(`${path}: ${left} bytes at the end are no whole event; left out`);
  } catch (error) {
    // What can't be unpacked is a TypeError.
    if (!(error instanceof RangeError || path.endsWith(".gz") && error instanceof TypeError)) throw error;
    throw new Failure(`${path}: ${error.message}`);
  }
}

/** Runs it. */
export async function traceCache(path: string, invocation: Invocation): Promise<number> {
  const { output, json, count } = invocation;
  const minutes = wholeNumber(invocation, "interval", 1) ?? 15;
  if (minutes > 60) throw new UsageError(`--interval ${minutes}: expected minutes, at most 60`);
  const verbose = count("verbose") > 0, quiet = count("quiet") > 0, intervals: TraceInterval[] = [];
  if (verbose && quiet) throw new UsageError("--verbose and --quiet: expected one of them");
  const statistics = new TraceStatistics({
    interval: minutes * 60,
    sizes: count("sizes") > 0,
    frequencies: count("load-histogram") > 0,
    ended: (interval) => {
      if (json) intervals.push(interval);
      else if (!quiet) { for (const line of intervalLines(interval)) output.line(line); }
    },
    seen: (event) => {
      if (verbose && !json) output.line(eventLine(event));
    },
  });
  if (!json) output.line("                   loads    hits  inv(h)  writes hitrate");
  let number = 0;
  for await (const event of tracedEvents(path, invocation)) {
    statistics.add(event);
    if (++number % 100_000 === 0) invocation.signal.throwIfAborted();
  }
  const totals = statistics.finish();
  const sizes = count("sizes") > 0 ? { written: statistics.written, loaded: statistics.loaded } : {};
  const histogram = count("load-histogram") > 0 ? { frequencies: statistics.frequencies } : {};
  if (json) {
    output.json({ ...totals, codes: codesByName(totals), intervals, ...sizes, ...histogram });
    return 0;
  }
  for (const line of totalLines(totals)) output.line(line);
  if (histogram.frequencies) { for (const line of frequencyLines(statistics, totals)) output.line(line); }
  if (sizes.written) { for (const line of sizeLines(sizes.written, sizes.loaded)) output.line(line); }
  return 0;
}

function codesByName({ codes }: TraceTotals): Record<string, number> {
  return Object.fromEntries([...codes].map(([code, count]) => [hex(code), count]));
}

function* intervalLines(interval: TraceInterval): Generator<string, void> {
  const { start, end, restart, loads, hits, invalidations, writes } = interval;
  const counts = [loads, hits, invalidations, writes].map((count) => ` ${String(count).padStart(7)}`);
  yield `${clock(start).slice(0, 12)}-${clock(end).slice(10, 12)}${counts.join("")} ${
    rate(hits, loads).padStart(7)
  }`;
  if (restart) yield `${clock(end)} ${"=".repeat(20)} Restart ${"=".repeat(20)}`;
}

function eventLine({ time, code, oid, tid, end, length }: TracedEvent): string {
  const object = oid.length === 0 ? "b''" : BigInt(`0x${oid.toHex()}`).toString(16).padStart(16);
  const [first, last] = [tid, end].map((id) => id.toString(16).padStart(16, "0"));
  return `${clock(time)} ${hex(code)} ${object} ${first} ${last} -${length > 0 ? ` ${length}` : ""}`;
}

function* totalLines(totals: TraceTotals): Generator<string, void> {
  const { events, bytes, first, last, records, recordBytes, loads, hits, codes } = totals;
  if (first === undefined || last === undefined) return yield "no events";
  const average = records === 0 ? 0 : Math.floor(recordBytes / records);
  yield "";
  yield `Read ${grouped(events)} trace records (${grouped(bytes)} bytes)`;
  yield `First time: ${calendar(first)}`;
  yield `Last time:  ${calendar(last)}`;
  yield `Duration:   ${grouped(last - first)} seconds`;
  yield `Data recs:  ${grouped(records)} (${rate(records, events)}), average size ${average} bytes`;
  yield `Hit rate:   ${rate(hits, loads)} (load hits / loads)`;
  yield "";
  yield "        Count Code Meaning";
  for (const [code, count] of codes) {
    yield `${grouped(count).padStart(13)}  ${hex(code)}  ${MEANINGS[code] ?? "unknown"}`;
  }
}

function* sizeLines(written: readonly SizeCount[], loaded: readonly SizeCount[]): Generator<string, void> {
  for (
    const [what, column, counts] of [["written", "writes", written], ["loaded", " loads", loaded]] as const
  ) {
    yield "";
    yield `Unique sizes ${what}: ${grouped(counts.length)}`;
    yield `      size   objs ${column}`;
    for (const { size, objects, count } of counts) {
      yield `${grouped(size).padStart(10)} ${grouped(objects).padStart(6)} ${grouped(count).padStart(6)}`;
    }
  }
}

function* frequencyLines({ frequencies }: TraceStatistics, { loads }: TraceTotals): Generator<string, void> {
  const all = frequencies.reduce((sum, { objects }) => sum + objects, 0);
  yield "";
  yield `Unique oids: ${grouped(all)}`;
  yield `Total loads: ${grouped(loads)}`;
  yield "loads objects   %obj  %load   %cum";
  let before = 0;
  for (const { loads: times, objects } of frequencies) {
    before += times * objects;
    const shares = [rate(objects, all), rate(times * objects, loads), rate(before, loads)];
    yield `${String(times).padStart(5)} ${String(objects).padStart(7)} ${
      shares.map((share) => share.padStart(6)).join(" ")
    }`;
  }
}

/** A share in per cent; `n/a` of nothing. */
function rate(part: number, whole: number): string {
  return whole === 0 ? "n/a" : `${fixed(part / whole * 100, 1)}%`;
}

const two = (number: number): string => String(number).padStart(2, "0");
const hex = (code: number): string => code.toString(16).padStart(2, "0");
const grouped = (number: number): string => number.toLocaleString("en-US");

/** A moment by the clock of this machine: `Nov 22 15:16:36`. */
function clock(seconds: number): string {
  const date = new Date(seconds * 1000);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${time}`;
}

function calendar(seconds: number): string {
  const date = new Date(seconds * 1000);
  return `${DAYS[date.getDay()]} ${clock(seconds)} ${date.getFullYear()}`;
}
