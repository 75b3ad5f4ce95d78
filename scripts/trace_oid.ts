/**
 * `zeo trace-oid`: the history of objects, in the lines of `fsoids`.
 *
 * @module
 */

import { formatOid, formatTid } from "../values/mod.ts";
import { DataFileReader, type ObjectTrace, type TraceEvent, traceObjects } from "../storage/mod.ts";
import type { Command, Invocation } from "./command.ts";
import { parseOid } from "./object_id.ts";
import { bytesText, timeText } from "./python_text.ts";
import { reportUnfinished } from "./unfinished.ts";

/** The command. */
export const traceOid: Command = {
  name: "trace-oid",
  summary: "Shows the history of objects, and who refers to whom",
  operands: "FILE OID…",
  operandCount: [2, Infinity],
  options: [],
  details: `Object ids are hexadecimal with 0x before them, or decimal. The file is read twice;
a server may have it open.`,
  example: `$ zeo trace-oid Data.fs 0x01
oid 0x01 BTrees.Length.Length 1 revision
    tid 0x03f7048f0aaaaaaa offset=179 2024-03-05 14:07:02.500000
        tid user=b''
        tid description=b''
        new revision BTrees.Length.Length at 319
        referenced by 0x00 persistent.mapping.PersistentMapping at 202`,
  run,
};

function run(invocation: Invocation): number {
  const { output, json } = invocation;
  const [path, ...ids] = invocation.operands;
  const oids = ids.map(parseOid);
  using reader = DataFileReader.open(path);
  using progress = invocation.progress("trace-oid");
  const traces = traceObjects(
    reader,
    oids,
    (bytes) => progress.update({ bytes, total: 2 * reader.size }),
  );
  progress[Symbol.dispose]();
  if (json) output.json(traces.map(asJson));
  else for (const trace of traces) for (const line of lines(trace)) output.line(line);
  output.flush();
  reportUnfinished(reader, invocation);
  return 0;
}

function* lines({ oid, class: name, revisions, transactions }: ObjectTrace): Generator<string, void> {
  yield `oid ${formatOid(oid)} ${name} ${revisions} ${revisions === 1 ? "revision" : "revisions"}`;
  if (revisions === 0) yield "    this oid was not defined (no data record for it found)";
  for (const { tid, position, user, description, events } of transactions) {
    yield `    tid 0x${formatTid(tid)} offset=${position} ${timeText(tid)}`;
    yield `        tid user=${bytesText(user)}`;
    yield `        tid description=${bytesText(description)}`;
    // By their words, as the original has them.
    for (const text of events.map(eventText).sort()) yield `        ${text}`;
  }
}

function eventText({ kind, oid, class: name, position }: TraceEvent): string {
  if (kind === "gone") return `creation undo at ${position}`;
  if (kind === "revision") return `new revision ${name} at ${position}`;
  return `${kind} ${formatOid(oid)} ${name} at ${position}`;
}

function asJson(trace: ObjectTrace): unknown {
  return {
    ...trace,
    oid: formatOid(trace.oid),
    transactions: trace.transactions.map(({ extension: _, ...transaction }) => ({
      ...transaction,
      time: timeText(transaction.tid),
      events: transaction.events.map((event) => ({ ...event, oid: formatOid(event.oid) })),
    })),
  };
}
