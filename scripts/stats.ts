/**
 * `zeo stats`: what a Data.fs is full of, in the lines of `analyze`.
 *
 * @module
 */

import { type ClassAmount, type ClassStatistics, classStatistics, DataFileReader } from "../storage/mod.ts";
import { type Command, type Invocation, UsageError } from "./command.ts";
import { fixed } from "./python_text.ts";
import { reportUnfinished } from "./unfinished.ts";

/** The command. */
export const stats: Command = {
  name: "stats",
  summary: "Counts the records of a Data.fs by class, and the history",
  operands: "FILE",
  operandCount: [1, 1],
  options: [
    { name: "sort", value: "KEY", help: "name (unless told otherwise), bytes or count; the largest first" },
  ],
  details: `"Current" are objects' newest records with data, those of deleted objects included;
"old" are those that a pack may drop. Bytes are those of the records' data. A
server may have the file open.`,
  example: `$ zeo stats --sort bytes Data.fs`,
  run,
};

const ORDERS: Readonly<Record<string, (a: ClassAmount, b: ClassAmount) => number>> = {
  name: () => 0,
  bytes: (a, b) => b.bytes - a.bytes,
  count: (a, b) => b.count - a.count,
};

function run(invocation: Invocation): number {
  const { output, json } = invocation;
  const key = invocation.value("sort") ?? "name";
  if (!Object.hasOwn(ORDERS, key)) {
    throw new UsageError(`--sort ${JSON.stringify(key)}: expected ${Object.keys(ORDERS).join(", ")}`);
  }
  using reader = DataFileReader.open(invocation.operands[0]);
  using progress = invocation.progress("stats");
  const found = classStatistics(
    reader,
    (bytes, objects) => progress.update({ bytes, objects, total: reader.size }),
  );
  progress[Symbol.dispose]();
  const sorted = { ...found, classes: found.classes.toSorted(ORDERS[key]) };
  if (json) output.json(sorted);
  else for (const line of lines(sorted)) output.line(line);
  output.flush();
  reportUnfinished(reader, invocation);
  return 0;
}

const NAME = 46, KIB = 1024;

function* lines({ transactions, records, current, old, classes }: ClassStatistics): Generator<string, void> {
  const average = (bytes: number, count: number) => count === 0 ? 0 : bytes / count;
  const percent = (bytes: number) => `${fixed(average(bytes, records.bytes) * 100, 1).padStart(5)}%`;
  yield `Processed ${records.count} records in ${transactions} transactions`;
  yield `Average record size is ${fixed(average(records.bytes, records.count), 2).padStart(7)} bytes`;
  yield `Average transaction size is ${fixed(average(records.bytes, transactions), 2).padStart(7)} bytes`;
  yield "Types used:";
  yield `${"Class Name".padEnd(NAME)}   Count    TBytes    Pct AvgSize`;
  yield `${"-".repeat(NAME)} ------- ---------  ----- -------`;
  const sums = (count: number, bytes: string, share: string, size: number) =>
    `${String(count).padStart(7)} ${bytes.padStart(9)} ${share} ${fixed(size, 2).padStart(7)}`;
  for (const { name, count, bytes } of classes) {
    yield `${name.padEnd(NAME)} ${sums(count, String(bytes), percent(bytes), average(bytes, count))}`;
  }
  yield `${"=".repeat(NAME)} ======= =========  ===== =======`;
  const transactionSize = `${fixed(average(records.bytes, transactions) / KIB, 2)}k`;
  yield `${"Total Transactions".padStart(NAME)} ${String(transactions).padStart(7)}${
    transactionSize.padStart(25)
  }`;
  for (
    const [title, { count, bytes }] of [["Total Records", records], ["Current Objects", current], [
      "Old Objects",
      old,
    ]] as const
  ) {
    if (title === "Old Objects" && count === 0) continue;
    const size = average(bytes, count);
    yield `${title.padStart(NAME)} ${sums(count, `${Math.floor(bytes / KIB)}k`, percent(bytes), size)}`;
  }
}
