/**
 * `zeo shell`: a database in the hands of somebody who types.
 *
 * @module
 */

import { createInterface } from "node:readline";
import process from "node:process";
import * as zodb from "../zodb/mod.ts";
import { oid } from "../values/mod.ts";
import type { Command, Invocation } from "./command.ts";
import { Evaluator, isUnfinished } from "./evaluator.ts";
import { locateStorage, openLocation } from "./storage_location.ts";

const HELP = `db, connection  the database, and the view of it
root            names that lead to objects: root.keys(), root.get("x"), root.set("x", …)
load(object)    fetches an object that is a ghost; load(object, { depth: 2 }) also what it refers to
commit()        stores what was changed; abort() takes it back
transaction     whose commit and abort that are: transaction.get().note("why")
get(id)         the object of an id: get(0x2a)
_               the last value
zodb            all of its module; PersistentMap, PersistentList and so on are at hand, too
Promises are waited for. .exit or Ctrl-D ends, and takes back what is not committed.`;

/** The command. */
export const shell: Command = {
  name: "shell",
  summary: "Lets you look at objects and change them, in TypeScript's manner",
  operands: "STORAGE",
  operandCount: [1, 1],
  options: [
    { name: "read-only", help: "change nothing; a Data.fs may be open in a server then" },
    { name: "blob-dir", value: "DIR", help: "where the blobs of a Data.fs are, or a client may cache them" },
  ],
  details: `STORAGE is a server, as HOST:PORT, socket or zeo:// URI; the path of a Data.fs; or
FILE.conf#NAME. What is typed is JavaScript, await included; .help says what is at
hand. Without a terminal it runs the lines of standard input, to the first that
fails: then the exit code is 1, and what was not committed is taken back.`,
  example: `$ zeo shell localhost:8100
> (await root.keys()).length
12
> root.set("greeting", "hello"); await commit()
$ echo 'root.keys()' | zeo shell --read-only Data.fs
[ "greeting" ]`,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { operands: [name], output } = invocation;
  const location = locateStorage(name, invocation.value("blob-dir"));
  const readOnly = invocation.count("read-only") > 0;
  await using db = await zodb.DB.open(await openLocation(location, { readOnly, existing: true }));
  await using connection = db.open();
  const evaluator = new Evaluator({
    ...zodb,
    ...{ zodb, db, connection, root: connection.root, transaction: connection.transactionManager },
    commit: () => connection.commit(),
    abort: () => connection.abort(),
    get: (id: number | bigint) => connection.get(oid(BigInt(id))),
  });
  const terminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  if (terminal) {
    output.line(`${db.name}: ${db.objectCount} objects. .help says what is at hand, .exit ends.`);
    output.flush();
  }
  const failed = await readLines(evaluator, terminal, invocation);
  if (connection.hasChanges) invocation.note("what was not committed is taken back");
  return failed ? 1 : 0;
}

/** Runs line by line. @returns Whether one failed that nobody typed. */
async function readLines(evaluator: Evaluator, terminal: boolean, invocation: Invocation): Promise<boolean> {
  const { output, note, json } = invocation;
  const lines = createInterface({
    input: process.stdin,
    output: terminal ? process.stdout : undefined,
    terminal,
    historySize: 1000,
  });
  let code = "";
  const ask = () => {
    if (!terminal) return;
    lines.setPrompt(code === "" ? "> " : "… ");
    lines.prompt();
  };
  lines.on("SIGINT", () => {
    code = "";
    // As Ctrl-U does: what was typed of this line.
    lines.write(null, { ctrl: true, name: "e" });
    lines.write(null, { ctrl: true, name: "u" });
    note("given up; .exit or Ctrl-D ends");
    ask();
  });
  try {
    ask();
    for await (const line of lines) {
      if (code === "" && line.trim() === ".exit") return false;
      if (code === "" && line.trim() === ".help") output.line(HELP);
      else if (code !== "" || line.trim() !== "") {
        code += code === "" ? line : `\n${line}`;
        // An empty line ends what doesn't end by itself.
        if (line.trim() === "" || !isUnfinished(code)) {
          const done = code;
          code = "";
          const failure = await evaluate(evaluator, done, terminal, invocation);
          if (failure !== undefined) note(failure);
          if (failure !== undefined && !terminal) return true;
        }
      }
      output.flush();
      ask();
    }
    if (code === "" || terminal) return false;
    const failure = await evaluate(evaluator, code, terminal, invocation);
    if (failure !== undefined) note(failure);
    return failure !== undefined;
  } finally {
    lines.close();
    if (terminal && !json) output.line();
  }
}

/** Runs a piece of code and shows its value. @returns What went wrong. */
async function evaluate(
  evaluator: Evaluator,
  code: string,
  terminal: boolean,
  { output, json }: Invocation,
): Promise<string | undefined> {
  try {
    const value = await evaluator.run(code);
    if (json) output.json(value ?? null);
    else if (value !== undefined) {
      output.line(Deno.inspect(value, { colors: terminal && !Deno.noColor, depth: 4 }));
    }
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}
