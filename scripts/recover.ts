/**
 * `zeo recover`: saves what is whole in a damaged Data.fs; what `fsrecover` does.
 *
 * @module
 */

import { type Disk, type DiskFile, realDisk, salvage, type SalvageReport } from "../storage/mod.ts";
import { type Command, Failure, type Invocation, wholeNumber } from "./command.ts";

/** The command. */
export const recover: Command = {
  name: "recover",
  summary: "Copies what is whole in a damaged Data.fs to a new one",
  operands: "IN OUT",
  operandCount: [2, 2],
  options: [
    { name: "partial", short: "p", help: "copy the whole records of damaged transactions, too" },
    { name: "limit", value: "N", help: "how many findings are shown; 1000 unless told otherwise" },
    { name: "dry-run", help: "write nothing, only say what would be saved" },
  ],
  details: `IN is only read. There must be nothing at OUT. Look at it with zeo verify --references
afterwards: objects that were in a lost transaction are as they were before, or
missing. The exit code is 0 when something was saved, whatever had to be left out.`,
  example: `$ zeo recover Data.fs Data.fs.rescued
Data.fs: 734: status: transaction has status "X", which means nothing: taken for complete
9 transactions, 28 records and 3215 bytes saved; 0 transactions and 0 bytes left out`,
  interruptible: true,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { output, json } = invocation;
  const [path, target] = invocation.operands, dryRun = invocation.count("dry-run") > 0;
  using progress = invocation.progress("recover");
  const report = await salvage(path, target, {
    disk: dryRun ? withoutWriting(target) : undefined,
    partial: invocation.count("partial") > 0,
    limit: wholeNumber(invocation, "limit", 0),
    signal: invocation.signal,
    progress: (bytes, total) => progress.update({ bytes, total }),
  });
  progress[Symbol.dispose]();
  if (json) output.json({ ...report, dryRun });
  else show(report, invocation, dryRun);
  if (report.transactions === 0 && report.lostBytes > 0) {
    throw new Failure(`${path}: nothing in it could be saved`);
  }
  return 0;
}

function show(report: SalvageReport, { output }: Invocation, dryRun: boolean): void {
  const { path, transactions, partial, records, written, skipped, lostBytes, findings, total } = report;
  for (const { position, kind, message } of findings) {
    output.line(`${path}: ${position}: ${kind}: ${message}`);
  }
  if (total > findings.length) output.line(`${path}: and ${total - findings.length} more`);
  const inPart = partial > 0 ? ` (${partial} in part)` : "";
  output.line(
    `${transactions} transactions${inPart}, ${records} records and ${written} bytes ${
      dryRun ? "would be " : ""
    }saved; ${skipped} transactions and ${lostBytes} bytes left out`,
  );
}

/** The machine's disk, but for one file: what is written to it is forgotten. */
function withoutWriting(target: string): Disk {
  const nothing: DiskFile = {
    path: target,
    size: () => 0,
    read: () => 0,
    write: () => {},
    truncate: () => {},
    sync: () => Promise.resolve(),
    syncNow: () => {},
    close: () => {},
  };
  return {
    ...realDisk,
    open: (path, mode) => mode === "create" ? nothing : realDisk.open(path, mode),
    rename: () => {},
    remove: () => {},
    syncDirectory: () => {},
  };
}
