/**
 * `zeo dump`: transactions and records as text, in the lines of `fsdump`.
 *
 * @module
 */

import { formatOid, formatTid, type Oid, POSKeyError, type Tid } from "../values/mod.ts";
import {
  BlobDirectory,
  classOf,
  DataFileReader,
  type PlacedRecord,
  type PlacedTransaction,
} from "../storage/mod.ts";
import type { Command, Invocation } from "./command.ts";
import { bytesText, latinText, timeText } from "./python_text.ts";
import { reportUnfinished } from "./unfinished.ts";

/** The command. */
export const dump: Command = {
  name: "dump",
  summary: "Shows the transactions and records of a Data.fs",
  operands: "FILE",
  operandCount: [1, 1],
  options: [
    { name: "blob-dir", value: "DIR", help: "show the sizes of blobs, too" },
  ],
  details: `A transaction has a line "Trans" with its number, id, size and time, and where its
records begin; records follow with object id, size and class. "bp" is the
transaction whose data a record shares. With --json there is one object a line
for each transaction. A server may have the file open.`,
  example: `$ zeo dump Data.fs
Trans #00000 tid=03f7048f04444444 size=167 time=2024-03-05 14:07:01.000000 offset=54
    status=' ' user=b'/ bob' description=b'first'
  data #00000 oid=0000000000000000 size=75 class=persistent.mapping.PersistentMapping`,
  run,
};

function run(invocation: Invocation): number {
  const { output, json } = invocation;
  const [path] = invocation.operands, directory = invocation.value("blob-dir");
  const blobs = directory === undefined ? undefined : BlobDirectory.open(directory, { readOnly: true });
  using reader = DataFileReader.open(path);
  let number = 0;
  for (const transaction of reader.transactions()) {
    const records = reader.records(transaction);
    if (json) output.json(asJson(transaction, records, blobs));
    else for (const line of lines(number, transaction, records, blobs)) output.line(line);
    number++;
  }
  output.flush();
  reportUnfinished(reader, invocation);
  return 0;
}

function* lines(
  number: number,
  transaction: PlacedTransaction,
  records: Iterable<PlacedRecord>,
  blobs: BlobDirectory | undefined,
): Generator<string, void> {
  const { tid, length, status, user, description } = transaction;
  yield `Trans #${numbered(number)} tid=${formatTid(tid)} size=${length} time=${timeText(tid)} ` +
    `offset=${transaction.recordsStart}`;
  yield `    status=${latinText(status)} user=${bytesText(user)} description=${bytesText(description)}`;
  let place = 0;
  for (const { oid, tid, data, dataTid } of records) {
    const start = `  data #${numbered(place++)} oid=${oid.toString(16).padStart(16, "0")}`;
    if (data === null) {
      yield `${start} class=undo or abort of object creation`;
      continue;
    }
    const name = classOf(data), shared = dataTid === null ? "" : ` bp=${formatTid(dataTid)}`;
    const size = blobs === undefined ? undefined : blobSize(blobs, oid, tid, name);
    const blob = size === undefined ? "" : ` blob=${size ?? "missing"}`;
    // For a record of which it can make nothing, the original has an empty module and an empty name.
    yield `${start} size=${data.length} class=${name === "<unknown>" ? "." : name}${shared}${blob}`;
  }
}

function asJson(
  { position, tid, length, status, user, description, extension }: PlacedTransaction,
  records: Iterable<PlacedRecord>,
  blobs: BlobDirectory | undefined,
): unknown {
  return {
    tid,
    time: timeText(tid),
    position,
    size: length,
    status,
    user,
    description,
    extension: extension.toBase64(),
    records: Array.from(records, ({ oid, tid, position, previous, data, dataTid }) => {
      const name = data === null ? undefined : classOf(data);
      return {
        oid: formatOid(oid),
        position,
        previous,
        size: data?.length ?? null,
        class: name,
        sharesDataOf: dataTid ?? undefined,
        blob: name === "ZODB.blob.Blob" ? true : undefined,
        blobSize: blobs === undefined || name === undefined ? undefined : blobSize(blobs, oid, tid, name),
      };
    }),
  };
}

/** Bytes of a blob's revision, null when its file is missing, undefined when it is no blob. */
function blobSize(blobs: BlobDirectory, oid: Oid, tid: Tid, name: string): number | null | undefined {
  if (name !== "ZODB.blob.Blob") return undefined;
  try {
    return Deno.statSync(blobs.load(oid, tid)).size;
  } catch (error) {
    if (error instanceof POSKeyError || error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function numbered(number: number): string {
  return String(number).padStart(5, "0");
}
