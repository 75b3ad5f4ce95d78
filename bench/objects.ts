/**
 * Our object layer and Python's, process beside process in the same run, in the style of zodbshootout.
 *
 * ```sh
 * deno task bench:objects [--objects N] [--rounds N] [--processes N,N] [--json]
 * ```
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type Environment, prepareEnvironment, Server, type ServerKind } from "../tests/interop/peers.ts";
import { median } from "./main.ts";

const help =
  `Compares our object layer with Python's: each process adds, changes and reads objects of its own.

deno task bench:objects [--objects N] [--rounds N] [--processes N,N] [--json]

  --objects N      objects of each process, with 128 characters each; default 1000
  --rounds N       how often all is measured, the numbers shown are medians; default 9
  --processes N,N  how many processes work side by side; default 1,4
  --json           print the numbers as JSON
  --help           print this

  add     new objects, in one transaction
  update  a change to each, in one transaction
  cold    read them all, with empty caches
  warm    the same with all in the client's cache, and none in memory as objects
  hot     the same with all in memory as objects

Needs Python 3; without it, it ends with exit code 3.`;

const STEPS = ["add", "update", "cold", "warm", "hot"] as const;
type Step = typeof STEPS[number];
type SideKind = "python" | "ours";

/** Rounds at the start that don't count: compilers get warm. */
const WARMING = 6;

/** Who works on which server. */
interface Pair {
  readonly name: string;
  readonly side: SideKind;
  readonly server: ServerKind;
}

const PAIRS: readonly Pair[] = [
  { name: "Python on runzeo", side: "python", server: "runzeo" },
  { name: "Python on ours", side: "python", server: "ours" },
  { name: "ours on ours", side: "ours", server: "ours" },
];

/** One process, which does what it is told. */
class Side implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  private constructor(program: string, args: string[]) {
    this.#process = new Deno.Command(program, {
      args,
      cwd: new URL("../", import.meta.url).pathname,
      ...{ stdin: "piped", stdout: "piped", stderr: "inherit" },
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#lines = lines(this.#process.stdout);
  }

  static async start(kind: SideKind, environment: Environment, args: readonly string[]): Promise<Side> {
    const script = new URL(kind === "python" ? "objects_side.py" : "objects_side.ts", import.meta.url)
      .pathname;
    const side = kind === "python"
      ? new Side(environment.python, [script, ...args])
      : new Side(Deno.execPath(), ["run", "--no-prompt", "-A", script, ...args]);
    await side.#answer();
    return side;
  }

  /** Has it do a step. @returns The seconds that it took. */
  async do(step: Step | "prepare"): Promise<number> {
    await this.#input.write(new TextEncoder().encode(`${step}\n`));
    return Number(await this.#answer());
  }

  async #answer(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("a process has ended");
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#process.status;
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const found = (rest + text).split("\n");
    rest = found.pop()!;
    yield* found;
  }
}

/** Objects a second of a pair in a step, once for each round. */
type Rates = Record<Step, number[]>;

async function measure(
  environment: Environment,
  processes: number,
  objects: number,
  rounds: number,
): Promise<Rates[]> {
  await using stack = new AsyncDisposableStack();
  const sides: Side[][] = [];
  for (const { side, server: kind } of PAIRS) {
    const folder = await Deno.makeTempDir({ prefix: "zeo-bench-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const server = stack.use(await Server.start(environment, folder, { kind }));
    const started: Side[] = [];
    for (let number = 0; number < processes; number++) {
      const args = [...server.address, number, objects].map(String);
      started.push(stack.use(await Side.start(side, environment, args)));
    }
    await started[0].do("prepare");
    sides.push(started);
  }
  const rates = PAIRS.map((): Rates => ({ add: [], update: [], cold: [], warm: [], hot: [] }));
  for (let round = -WARMING; round < rounds; round++) {
    console.error(`${processes} processes: ${round < 0 ? "warming up" : `round ${round + 1} of ${rounds}`}`);
    for (const step of STEPS) {
      for (let turn = 0; turn < PAIRS.length; turn++) {
        // Taking turns at being first.
        const pair = (turn + round + WARMING) % PAIRS.length;
        const seconds = await Promise.all(sides[pair].map((side) => side.do(step)));
        if (round >= 0) rates[pair][step].push(processes * objects / Math.max(...seconds));
      }
    }
  }
  return rates;
}

interface Row {
  readonly processes: number;
  readonly step: Step;
  /** Objects a second, by the names of pairs. */
  readonly rates: Readonly<Record<string, number>>;
  /** Ours on our server over Python on runzeo. */
  readonly ratio: number;
}

function table(rows: readonly Row[]): string {
  const number = (value: number) => Math.round(value).toLocaleString("en");
  const cells = rows.map(({ processes, step, rates, ratio }) => [
    ...[String(processes), step, ...PAIRS.map(({ name }) => number(rates[name])), `${ratio.toFixed(2)} ×`],
  ]);
  const head = ["processes", "", ...PAIRS.map(({ name }) => `${name} /s`), "ratio"];
  const widths = head.map((_, column) => Math.max(...[head, ...cells].map((line) => line[column].length)));
  return [head, ...cells].map((line) =>
    line.map((cell, column) => column === 1 ? cell.padEnd(widths[1]) : cell.padStart(widths[column])).join(
      "  ",
    )
  ).join("\n");
}

/** Whole numbers from 1 on from the command line. */
function counts(name: string, text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.every((value) => Number.isInteger(value) && value >= 1 && value <= 1_000_000)) return values;
  console.error(`--${name} ${JSON.stringify(text)}: expected a number from 1 on, for example 4`);
  Deno.exit(2);
}

function readArguments(): { objects: number; rounds: number; processes: number[]; json: boolean } {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: {
        objects: { type: "string", default: "1000" },
        rounds: { type: "string", default: "9" },
        processes: { type: "string", default: "1,4" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      console.log(help);
      Deno.exit(0);
    }
    return {
      objects: counts("objects", values.objects)[0],
      rounds: counts("rounds", values.rounds)[0],
      processes: counts("processes", values.processes),
      json: values.json,
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`);
    Deno.exit(2);
  }
}

async function main(): Promise<void> {
  const { objects, rounds, processes, json } = readArguments();
  let environment: Environment;
  try {
    environment = await prepareEnvironment();
  } catch (error) {
    console.error(`bench: ${error}`);
    Deno.exit(3);
  }
  const rows: Row[] = [];
  for (const count of processes) {
    const measured = await measure(environment, count, objects, rounds);
    for (const step of STEPS) {
      const medians = measured.map((rates) => median(rates[step]));
      const rates = Object.fromEntries(PAIRS.map(({ name }, index) => [name, medians[index]]));
      rows.push({ processes: count, step, rates, ratio: medians[2] / medians[0] });
    }
  }
  const processors = navigator.hardwareConcurrency;
  if (json) console.log(JSON.stringify({ objects, rounds, processors, rows }, null, 2));
  else {
    console.log(`${objects} objects a process, ${processors} processors, medians of ${rounds} rounds\n`);
    console.log(table(rows));
  }
}

if (import.meta.main) await main();
