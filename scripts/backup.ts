/**
 * `zeo backup`: full and incremental backups, in directories that `repozo` can use as well.
 *
 * @module
 */

import { backUp, type BackUpReport, verifyBackup } from "../storage/mod.ts";
import { type Command, type Invocation, UsageError } from "./command.ts";
import { parseMoment } from "./moment.ts";

/** The command. */
export const backup: Command = {
  name: "backup",
  summary: "Backs a Data.fs up, in full or what was added; checks backups",
  operands: "FILE DIR | --verify DIR",
  operandCount: [1, 2],
  options: [
    { name: "full", short: "F", help: "a full backup, even where an increment would do" },
    {
      name: "quick",
      short: "Q",
      help: "compare only the last increment with the file; with --verify: only sizes",
    },
    { name: "gzip", short: "z", help: "compress" },
    { name: "kill-old-on-full", short: "k", help: "after a full backup, remove those before it" },
    { name: "verify", short: "V", help: "check the backups in DIR, and make none" },
    {
      name: "date",
      short: "D",
      value: "DATE",
      help: "with --verify: the state of yyyy-mm-dd[-hh[-mm[-ss]]], UTC",
    },
    { name: "dry-run", help: "only say what would be done" },
  ],
  details: `DIR has to be there, and is for this one file. A server may have the file open and
go on writing: what is backed up is the state after a transaction. Blobs are not
part of it: copy their directory after the backup. A full backup is made when
there is none, the file was packed since, or the backups are not sound.`,
  example: `$ zeo backup -z Data.fs /backups
full backup (there is none yet): 2026-11-22-15-17-21.fsz, bytes 0 to 2685
$ zeo backup --verify /backups
2026-11-22-15-17-21: 1 file, 2685 bytes: all right`,
  interruptible: true,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  if (invocation.count("verify") > 0) return await check(invocation);
  const { operands, output, json } = invocation;
  if (operands.length !== 2) throw new UsageError("backup needs FILE DIR");
  if (invocation.count("date") > 0) throw new UsageError("--date is for --verify");
  const dryRun = invocation.count("dry-run") > 0;
  using progress = invocation.progress("backup");
  const report = await backUp(operands[0], operands[1], {
    full: invocation.count("full") > 0,
    quick: invocation.count("quick") > 0,
    compress: invocation.count("gzip") > 0,
    killOld: invocation.count("kill-old-on-full") > 0,
    dryRun,
    signal: invocation.signal,
    progress: (bytes, total) => progress.update({ bytes, total }),
  });
  progress[Symbol.dispose]();
  if (json) output.json({ ...report, dryRun });
  else show(report, invocation, dryRun);
  return 0;
}

function show(
  { kind, reason, part, start, end, removed }: BackUpReport,
  { output }: Invocation,
  dryRun: boolean,
) {
  if (kind === "none") return output.line(`no changes: the backups have all ${end} bytes`);
  const why = reason === undefined ? "" : ` (${reason})`;
  const name = part === undefined ? "" : `${part.name}, `;
  const what = kind === "full" ? "full backup" : "increment";
  output.line(`${dryRun ? "would make: " : ""}${what}${why}: ${name}bytes ${start} to ${end}`);
  for (const old of removed) output.line(`${dryRun ? "would remove" : "removed"} ${old}`);
}

async function check(invocation: Invocation): Promise<number> {
  const { operands, output, json } = invocation;
  if (operands.length !== 1) throw new UsageError("backup --verify needs DIR");
  using progress = invocation.progress("verify backups");
  const { stamp, parts } = await verifyBackup(operands[0], {
    quick: invocation.count("quick") > 0,
    until: parseMoment(invocation.value("date")),
    signal: invocation.signal,
    progress: (bytes, total) => progress.update({ bytes, total }),
  });
  progress[Symbol.dispose]();
  if (json) output.json({ stamp, parts, ok: true });
  else {
    const files = parts.length === 1 ? "1 file" : `${parts.length} files`;
    output.line(`${parts.at(-1)!.stamp}: ${files}, ${parts.at(-1)!.end} bytes: all right`);
  }
  return 0;
}
