/**
 * Python's runzeo and our server on equal copies of the same data, one after the other in the same run.
 *
 * ```sh
 * deno task bench [--seconds N] [--rounds N] [--json]
 * ```
 *
 * @module
 */

import { readArguments } from "./arguments.ts";
import { type Environment, prepareEnvironment, Server, type ServerKind } from "../tests/interop/peers.ts";
import { compileGenerators, type Generators, measure, type Measurement, NoCompiler } from "./generators.ts";

/** Objects in the data. */
export const OBJECTS = 100_000;
/** About the length of their records. */
export const BYTES = 512;
const folder = new URL("../data/bench", import.meta.url).pathname;

const help =
  `Compares our server with Python's runzeo (msgpack, uvloop) on ${OBJECTS} objects of about ${BYTES} bytes.

deno task bench [--seconds N] [--rounds N] [--json]

  --seconds N  how long each measurement takes; default 3
  --rounds N   how often all of them are taken, the numbers shown are medians; default 3
  --json       print the numbers as JSON
  --help       print this

Needs Python 3 and a C compiler; without them it ends with exit code 3.`;

/** One thing that is measured. */
interface Case {
  readonly name: string;
  readonly run: (generators: Generators, server: Server, seconds: number) => Promise<Measurement>;
}

function endpoint(server: Server): [string, number] {
  if (typeof server.address === "string") throw new Error(`${server.address}: expected host and port`);
  return [...server.address];
}

function loads(connections: number, outstanding: number): Case {
  return {
    name: `loads, ${connections} × ${outstanding}`,
    run: ({ load }, server, seconds) =>
      measure(load, [...endpoint(server), connections, outstanding, seconds, OBJECTS]),
  };
}

function commits(clients: number, objects: number): Case {
  return {
    name: `commits, ${clients} client${clients > 1 ? "s" : ""}, ${objects} object${objects > 1 ? "s" : ""}`,
    run: ({ commit }, server, seconds) =>
      measure(commit, [...endpoint(server), clients, objects, BYTES, seconds]),
  };
}

const cases: readonly Case[] = [
  ...[loads(1, 1), loads(4, 8), loads(4, 64)],
  ...[1, 100].flatMap((objects) => [1, 4, 16].map((clients) => commits(clients, objects))),
];

/** The data that is served: a path, with an index beside it. */
export async function makeData(environment: Environment): Promise<string> {
  const path = `${folder}/${OBJECTS}x${BYTES}.fs`;
  try {
    await Deno.stat(`${path}.index`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const script = new URL("make_data.py", import.meta.url).pathname;
    const made = await new Deno.Command(environment.python, {
      args: [script, path, String(OBJECTS), String(BYTES)],
      stdin: "null",
    }).output();
    if (!made.success) throw new Error(new TextDecoder().decode(made.stderr));
  }
  return path;
}

/** What one server did in one round. */
interface Round {
  /** Until clients could connect, with the index of a clean close, ms. */
  readonly start: number;
  /** In the order of `cases`. */
  readonly measurements: readonly Measurement[];
}

/** Serves a fresh copy of the data with one kind of server and takes all measurements once. */
async function round(
  kind: ServerKind,
  environment: Environment,
  generators: Generators,
  data: string,
  seconds: number,
): Promise<Round> {
  const copy = await Deno.makeTempDir({ dir: folder, prefix: `${kind}-` });
  try {
    await Deno.copyFile(data, `${copy}/Data.fs`);
    await Deno.copyFile(`${data}.index`, `${copy}/Data.fs.index`);
    const before = performance.now();
    await using server = await Server.start(environment, copy, { kind });
    const start = performance.now() - before;
    // Not measured: compilers and page caches get warm.
    await loads(4, 8).run(generators, server, 1);
    await commits(4, 1).run(generators, server, 1);
    const measurements: Measurement[] = [];
    for (const one of cases) {
      console.error(`  ${kind}: ${one.name}`);
      measurements.push(await one.run(generators, server, seconds));
    }
    return { start, measurements };
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

/** The middle one, or what is between the two in the middle. */
export function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function medians(rounds: Round[], index: number): Measurement {
  const of = (key: keyof Measurement) => median(rounds.map(({ measurements }) => measurements[index][key]));
  return { perSecond: of("perSecond"), p50: of("p50"), p99: of("p99") };
}

interface Row {
  readonly name: string;
  readonly runzeo: Measurement;
  readonly ours: Measurement;
  /** Ours per second over runzeo's. */
  readonly ratio: number;
}

function table(rows: readonly Row[]): string {
  const number = (value: number) => Math.round(value).toLocaleString("en");
  const cells = rows.map(({ name, runzeo, ours, ratio }) => [
    ...[name, number(runzeo.perSecond), number(runzeo.p50), number(runzeo.p99)],
    ...[number(ours.perSecond), number(ours.p50), number(ours.p99), `${ratio.toFixed(2)} ×`],
  ]);
  const lines = [["", "runzeo /s", "p50 µs", "p99 µs", "ours /s", "p50 µs", "p99 µs", "ratio"], ...cells];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) =>
    line.map((cell, column) => column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])).join(
      "  ",
    )
  ).join("\n");
}

/** What the benchmark can't do without, or exit code 3. */
async function prepare(): Promise<{ environment: Environment; generators: Generators }> {
  await Deno.mkdir(folder, { recursive: true });
  try {
    return { generators: await compileGenerators(folder), environment: await prepareEnvironment() };
  } catch (error) {
    console.error(`bench: ${error instanceof NoCompiler ? error.message : error}`);
    Deno.exit(3);
  }
}

async function main(): Promise<void> {
  const { seconds, rounds, json } = readArguments(help);
  const { environment, generators } = await prepare();
  const data = await makeData(environment);
  const measured: Record<ServerKind, Round[]> = { runzeo: [], ours: [] };
  for (let number = 0; number < rounds; number++) {
    console.error(`round ${number + 1} of ${rounds}`);
    // Taking turns at being first.
    const kinds: ServerKind[] = number % 2 === 0 ? ["runzeo", "ours"] : ["ours", "runzeo"];
    for (const kind of kinds) measured[kind].push(await round(kind, environment, generators, data, seconds));
  }
  const rows = cases.map(({ name }, index): Row => {
    const runzeo = medians(measured.runzeo, index), ours = medians(measured.ours, index);
    return { name, runzeo, ours, ratio: ours.perSecond / runzeo.perSecond };
  });
  const start = {
    runzeo: median(measured.runzeo.map((one) => one.start)),
    ours: median(measured.ours.map((one) => one.start)),
  };
  const processors = navigator.hardwareConcurrency;
  if (json) {
    console.log(
      JSON.stringify({ objects: OBJECTS, bytes: BYTES, seconds, rounds, processors, start, rows }, null, 2),
    );
  } else {
    console.log(
      `${OBJECTS} objects of ${BYTES} bytes, ${processors} processors, medians of ${rounds} × ${seconds} s\n`,
    );
    console.log(table(rows));
    console.log(`\nstart, ms: runzeo ${start.runzeo.toFixed(0)}, ours ${start.ours.toFixed(0)}`);
  }
}

if (import.meta.main) await main();
