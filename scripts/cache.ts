/**
 * `zeo cache`: a client's cache file, its access trace, and caches of other sizes.
 *
 * @module
 */

import { CacheFileError, type CacheFileReport, inspectCacheFile } from "../cache/mod.ts";
import { formatTid, LockFile, NO_TID } from "../values/mod.ts";
import { simulateCaches } from "./cache_simulate.ts";
import { traceCache } from "./cache_trace.ts";
import { type Command, Failure, type Invocation, type Option, UsageError } from "./command.ts";
import { bytesText } from "./progress.ts";
import { timeText } from "./python_text.ts";

interface Tool {
  readonly options: readonly Option[];
  run(path: string, invocation: Invocation): number | Promise<number>;
}

const TOOLS: Readonly<Record<string, Tool>> = {
  stats: { options: [], run: showContents },
  trace: {
    options: [
      {
        name: "interval",
        short: "i",
        value: "MINUTES",
        help: "trace: of each line; 15 unless told otherwise",
      },
      { name: "verbose", short: "v", help: "trace: show each event" },
      { name: "quiet", short: "q", help: "trace: show no intervals" },
      { name: "sizes", short: "s", help: "trace: count records by size, too" },
      { name: "load-histogram", help: "trace: count how often objects were loaded, too" },
    ],
    run: traceCache,
  },
  simulate: {
    options: [
      { name: "size", value: "N,N…", help: "simulate: sizes of caches; 5MB,20MB,80MB unless told otherwise" },
      { name: "memory", help: "simulate: caches in memory; in files unless told otherwise" },
    ],
    run: simulateCaches,
  },
};

/** The command. */
export const cache: Command = {
  name: "cache",
  summary: "Shows a client's cache file or trace, simulates other sizes",
  operands: "stats FILE | trace TRACE | simulate TRACE",
  operandCount: [2, 2],
  words: Object.keys(TOOLS),
  options: Object.values(TOOLS).flatMap(({ options }) => options),
  details: `stats: what is in a cache file of this client or of Python's; a client may have it
open. trace: loads, hits and hit rate from an access trace, in intervals, as
cache_stats prints them; times are this machine's. simulate: how caches of other
sizes would have done with the loads of a trace, by this client's own rules of who
has to go. Traces of Python's clients and those in gzip (.gz) are read as well.`,
  example: `$ zeo cache stats client-1.zec
$ zeo cache trace --interval 5 client-1.zec.trace
$ zeo cache simulate client-1.zec.trace --size 5MB,20MB
      SIZE      LOADS       HITS HITRATE    INVALS     WRITES     EVICTS     IN USE
       5MB     310842     236861   76.2%     11022      73981      49127     4.6 MB
      20MB     310842     281934   90.7%     16240      28908          0    14.8 MB`,
  interruptible: true,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const [word, path] = invocation.operands;
  if (!Object.hasOwn(TOOLS, word)) {
    throw new UsageError(`cache ${JSON.stringify(word)}: expected ${Object.keys(TOOLS).join(", ")}`);
  }
  const tool = TOOLS[word];
  for (const { name } of cache.options) {
    if (invocation.count(name) > 0 && !tool.options.some((option) => option.name === name)) {
      throw new UsageError(`cache ${word} has no option --${name}`);
    }
  }
  if (Deno.statSync(path).isDirectory) throw new Failure(`${path}: is a directory, expected a file`);
  return await tool.run(path, invocation);
}

function showContents(path: string, { output, json, note }: Invocation): number {
  let report: CacheFileReport;
  try {
    report = inspectCacheFile(path);
  } catch (error) {
    if (!(error instanceof CacheFileError)) throw error;
    const writing = LockFile.isHeld(`${path}.lock`) ? "; a client has it open: look again, or at a copy" : "";
    throw new Failure(`${path}: ${error.message}${writing}`);
  }
  const { size, lastTid, objects, current, nonCurrent, unbelieved, damaged, sealed, locked } = report;
  if (locked) note(`${path}: a client has it open, and what is shown may change meanwhile`);
  if (json) output.json(report);
  else {
    const amount = ({ count, bytes }: { readonly count: number; readonly bytes: number }) =>
      `${String(count).padStart(10)} records  ${bytesText(bytes)}`;
    const free = size - current.bytes - nonCurrent.bytes - unbelieved.bytes;
    output.line(`file          ${bytesText(size)}, ${bytesText(free)} without records`);
    output.line(`written by    ${sealed ? "this client" : "Python's client, or was never closed"}`);
    output.line(
      `last tid      ${lastTid === NO_TID ? "none" : `${formatTid(lastTid)} ${timeText(lastTid)}`}`,
    );
    output.line(`objects       ${String(objects).padStart(10)}`);
    output.line(`current       ${amount(current)}`);
    output.line(`non-current   ${amount(nonCurrent)}`);
    if (unbelieved.count > 0) {
      output.line(`to be dropped ${amount(unbelieved)}, ${damaged} of them damaged`);
    }
  }
  return 0;
}
