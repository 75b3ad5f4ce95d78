/**
 * `zeo restore`: makes a Data.fs of its backups, ours or `repozo`'s.
 *
 * @module
 */

import { formatTid, type Tid } from "../values/mod.ts";
import { restoreBackup, verifyBackup } from "../storage/mod.ts";
import type { Command, Invocation } from "./command.ts";
import { parseMoment } from "./moment.ts";

/** The command. */
export const restore: Command = {
  name: "restore",
  summary: "Makes a Data.fs of its backups",
  operands: "DIR OUT",
  operandCount: [2, 2],
  options: [
    { name: "date", short: "D", value: "DATE", help: "the state of yyyy-mm-dd[-hh[-mm[-ss]]], UTC" },
    { name: "dry-run", help: "check the backups, write nothing" },
  ],
  details: `There must be nothing at OUT. Every byte is checked on the way, and OUT gets its name
when all is right; its index is made anew.`,
  example: `$ zeo restore -D 2026-11-22-16 /backups Data.fs
Data.fs: 3558 bytes of 2 backups, last transaction 040d30749cd3f566`,
  interruptible: true,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { operands: [directory, target], output, json, note } = invocation;
  using progress = invocation.progress("restore");
  const options = {
    until: parseMoment(invocation.value("date")),
    signal: invocation.signal,
    progress: (bytes: number, total: number) => progress.update({ bytes, total }),
  };
  if (invocation.count("dry-run") > 0) {
    const { parts } = await verifyBackup(directory, options);
    const size = parts.at(-1)!.end;
    if (json) output.json({ target, size, parts, dryRun: true });
    else output.line(`would make ${target}: ${size} bytes of ${counted(parts.length)}`);
    return 0;
  }
  const report = await restoreBackup(directory, target, options);
  progress[Symbol.dispose]();
  if (report.indexMatched === false) {
    note(`${directory}: the saved index was not the right one; a new one was made`);
  }
  if (json) output.json(report);
  else {
    output.line(
      `${target}: ${report.size} bytes of ${counted(report.parts.length)}, ` +
        `last transaction ${formatTid(report.lastTid as Tid)}`,
    );
  }
  return 0;
}

function counted(backups: number): string {
  return backups === 1 ? "1 backup" : `${backups} backups`;
}
