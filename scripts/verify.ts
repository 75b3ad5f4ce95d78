/**
 * `zeo verify`: whether a Data.fs is as it should be; what `fstest` and `fsrefs` do, and more.
 *
 * @module
 */

import { formatTid, LockFile } from "../values/mod.ts";
import { checkDataFile, type CheckReport, DataFileReader, type Unfinished } from "../storage/mod.ts";
import { type Command, type Invocation, wholeNumber } from "./command.ts";
import { ReaderGone } from "./output.ts";

/** The command. */
export const verify: Command = {
  name: "verify",
  summary: "Checks a Data.fs from end to end",
  operands: "FILE",
  operandCount: [1, 1],
  options: [
    { name: "references", short: "r", help: "look for references to objects that aren't there, too" },
    { name: "structure", help: "don't read the records as pickles: faster" },
    {
      name: "verbose",
      short: "v",
      repeatable: true,
      help: "a line a transaction; twice: a line an object, too",
    },
    { name: "limit", value: "N", help: "how many findings are shown; 1000 unless told otherwise" },
  ],
  details: `Everything that the file says twice is compared, the saved index included, and
records are read as pickles. Nothing is changed, and a server may have the file
open: a transaction that it holds after its vote is no error. The exit code is 1
when something was found.`,
  example: `$ zeo verify --references Data.fs
Data.fs: 1204 transactions, 31337 records of 4821 objects, 10240000 bytes
no errors detected`,
  interruptible: true,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { output, json, note } = invocation;
  const [path] = invocation.operands, verbose = invocation.count("verbose");
  using progress = invocation.progress("verify");
  const found = await checkDataFile(path, {
    references: invocation.count("references") > 0,
    pickles: invocation.count("structure") === 0,
    limit: wholeNumber(invocation, "limit", 0),
    signal: invocation.signal,
    progress: (bytes, total) => progress.update({ bytes, total }),
  });
  progress[Symbol.dispose]();
  const inProgress = unfinishedOf(found);
  const report = inProgress !== undefined || await isBeingCommitted(found)
    ? { ...found, findings: [], counts: {}, total: 0 }
    : found;
  if (inProgress !== undefined) {
    note(
      `${path}: at ${inProgress.position} there is a transaction in progress, of the server that has the file open`,
    );
  }
  if (json) {
    output.json({ ...report, ok: report.total === 0, inProgress });
    return report.total === 0 ? 0 : 1;
  }
  if (verbose > 0 && report.counts.format === undefined) list(invocation, verbose > 1);
  show(report, invocation);
  return report.total === 0 ? 0 : 1;
}

/** What is at the end of a file, where it is all that was found and is a transaction that a server holds after its vote. */
function unfinishedOf({ path, total, counts }: CheckReport): Unfinished | undefined {
  if (total !== 1 || counts.tail !== 1 || !LockFile.isHeld(`${path}.lock`)) return undefined;
  using reader = DataFileReader.open(path);
  for (const _transaction of reader.transactions());
  return reader.unfinished?.voted ? reader.unfinished : undefined;
}

/** How long a server may take to finish a transaction that it has written, ms. */
const COMMIT = 1000;
/** How long ago a file was changed that a server is at work on, ms. */
const RECENT = 60_000;

/** Whether all that was found is the end of the file, and a server is at work there: it is gone, or finished, soon. */
async function isBeingCommitted({ path, size, end, total, counts }: CheckReport): Promise<boolean> {
  if (total !== 1 || counts.tail !== 1) return false;
  const { mtime } = await Deno.stat(path);
  if (mtime === null || Date.now() - mtime.getTime() > RECENT) return false;
  await new Promise((resolve) => setTimeout(resolve, COMMIT));
  using reader = DataFileReader.open(path);
  if (reader.size < size) return true;
  const [last] = reader.backwards().take(1);
  return last !== undefined && last.recordsEnd > end;
}

/** Transactions, and objects before them, in the lines of `fstest`. */
function list({ operands: [path], output, note }: Invocation, objects: boolean): void {
  using reader = DataFileReader.open(path);
  let number = 0;
  try {
    for (const transaction of reader.transactions()) {
      let place = 0;
      if (objects) {
        for (const { position, oid } of reader.records(transaction)) {
          const id = oid.toString(16).padStart(16, "0");
          output.line(`${String(position).padStart(10)}: object oid 0x${id} #${place++}`);
        }
      }
      const { position, tid } = transaction;
      output.line(`${String(position).padStart(10)}: transaction tid 0x${formatTid(tid)} #${number++} `);
    }
  } catch (error) {
    if (error instanceof ReaderGone) throw error;
    // What is wrong is among the findings, which follow.
    note(`${error instanceof Error ? error.message : error}: the list ends here`);
  }
}

function show(report: CheckReport, { output }: Invocation): void {
  const { path, transactions, records, objects, size, references, findings, total } = report;
  for (const { position, kind, message } of findings) {
    output.line(`${path}: ${position}: ${kind}: ${message}`);
  }
  if (total > findings.length) output.line(`${path}: and ${total - findings.length} more`);
  const more = references === undefined ? "" : `, ${references} references`;
  output.line(
    `${path}: ${transactions} transactions, ${records} records of ${objects} objects${more}, ${size} bytes`,
  );
  output.line(total === 0 ? "no errors detected" : `${total} ${total === 1 ? "error" : "errors"} detected`);
}
