/**
 * `zeo tail`: the last transactions, in the lines of `fstail`.
 *
 * @module
 */

import { DataFileReader } from "../storage/mod.ts";
import { type Command, type Invocation, wholeNumber } from "./command.ts";
import { bytesText, timeText } from "./python_text.ts";
import { reportUnfinished } from "./unfinished.ts";

/** The command. */
export const tail: Command = {
  name: "tail",
  summary: "Shows the last transactions of a Data.fs, newest first",
  operands: "FILE",
  operandCount: [1, 1],
  options: [
    { name: "transactions", short: "n", value: "N", help: "how many; 10 unless told otherwise" },
  ],
  details: `The hash is the SHA-1 of the transaction's records. The number behind "offset" is
the length of its header. A server may have the file open.`,
  example: `$ zeo tail -n 1 Data.fs
2024-03-05 14:07:01.000000: hash=69d492f20a4e99890159e443a979ddd6c29e4423
user=b'/ bob' description=b'first' length=167 offset=4 (+50)`,
  run,
};

function run(invocation: Invocation): number {
  const { output, json } = invocation;
  let left = wholeNumber(invocation, "transactions", 0) ?? 10;
  using reader = DataFileReader.open(invocation.operands[0]);
  if (left === 0) return 0;
  for (const transaction of reader.backwards()) {
    const { tid, position, length, status, user, description, recordsStart } = transaction;
    const time = timeText(tid), hash = reader.contentHash(transaction);
    if (json) {
      output.json({ tid, time, hash, status, user, description, position, length });
    } else {
      output.line(`${time}: hash=${hash}`);
      const header = recordsStart - position;
      output.line(
        `user=${text(user)} description=${text(description)} ` +
          `length=${length} offset=${position} (+${header})`,
      );
      output.line();
    }
    if (--left === 0) break;
  }
  output.flush();
  reportUnfinished(reader, invocation);
  return 0;
}

/** As the original has it: an empty one is a text there, others are bytes. */
function text(bytes: Uint8Array): string {
  return bytes.length === 0 ? "''" : bytesText(bytes);
}
