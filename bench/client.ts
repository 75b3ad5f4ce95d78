/**
 * Python's client and ours, on Python's runzeo and on our server, in the same run.
 *
 * ```sh
 * deno task bench:client [--seconds N] [--rounds N] [--json]
 * ```
 *
 * @module
 */

import { readArguments } from "./arguments.ts";
import { type Environment, prepareEnvironment, Server, type ServerKind } from "../tests/interop/peers.ts";
import { BYTES, makeData, median, OBJECTS } from "./main.ts";

const folder = new URL("../data/bench", import.meta.url).pathname;

const help =
  `Compares our client with Python's (msgpack, uvloop) on ${OBJECTS} objects of about ${BYTES} bytes,
on Python's server and on ours.

deno task bench:client [--seconds N] [--rounds N] [--json]

  --seconds N  how long each measurement takes; default 3
  --rounds N   how often all of them are taken, the numbers shown are medians, those of ratios too; default 3
  --json       print the numbers as JSON
  --help       print this

Needs Python 3; without it, it ends with exit code 3.`;

const cases = [
  "cold loads, one by one",
  "cold loads, prefetched",
  "warm loads",
  "commits of 1 object",
  "commits of 100 objects",
] as const;

type ClientKind = "python" | "ours";
/** What each client did in a second. */
type Pair = Readonly<Record<ClientKind, number>>;

/** A client in a process of its own, which does what it is told to. */
class Client implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;

  constructor(
    kind: ClientKind,
    environment: Environment,
    server: Server,
    directory: string,
    seconds: number,
  ) {
    if (typeof server.address === "string") throw new Error(`${server.address}: expected host and port`);
    const script = (name: string) => new URL(name, import.meta.url).pathname;
    const [program, args] = kind === "python"
      ? [environment.python, [script("client_side.py")]]
      : [Deno.execPath(), ["run", "--no-prompt", "-A", script("client_side.ts")]];
    this.#process = new Deno.Command(program, {
      args: [...args, ...[...server.address, directory, OBJECTS, seconds].map(String)],
      cwd: new URL("../", import.meta.url).pathname,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#output = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Takes a measurement: how often something was done in a second. */
  async measure(name: string): Promise<number> {
    await this.#input.write(new TextEncoder().encode(`${name}\n`));
    for (let text = "";;) {
      const { value, done } = await this.#output.read();
      if (done) {
        throw new Error(`a client ended in "${name}": exit code ${(await this.#process.status).code}`);
      }
      text += value;
      if (text.endsWith("\n")) return Number(text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#process.status;
  }
}

/** Both clients on one kind of server, which serves a fresh copy of the data. */
async function measure(
  kind: ServerKind,
  environment: Environment,
  data: string,
  seconds: number,
  rounds: number,
): Promise<ReadonlyMap<string, readonly Pair[]>> {
  const directory = await Deno.makeTempDir({ dir: folder, prefix: "client-" });
  try {
    await Deno.copyFile(data, `${directory}/Data.fs`);
    await Deno.copyFile(`${data}.index`, `${directory}/Data.fs.index`);
    await using server = await Server.start(environment, directory, { kind });
    await using python = new Client("python", environment, server, directory, seconds);
    await using ours = new Client("ours", environment, server, directory, seconds);
    const measured = new Map<string, Pair[]>();
    // What runs for the first time is slower: the first round doesn't count.
    for (let round = 0; round <= rounds; round++) {
      console.error(`${kind}: ${round === 0 ? "getting warm" : `round ${round} of ${rounds}`}`);
      for (const name of cases) {
        const pair = { python: 0, ours: 0 };
        // Taking turns at being first.
        if (round % 2 === 0) pair.python = await python.measure(name);
        pair.ours = await ours.measure(name);
        if (round % 2 === 1) pair.python = await python.measure(name);
        if (round > 0) measured.set(name, [...measured.get(name) ?? [], pair]);
      }
    }
    return measured;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

interface Row {
  readonly server: ServerKind;
  readonly name: string;
  /** Python's client, a second. */
  readonly python: number;
  /** Ours, a second. */
  readonly ours: number;
  /** Ours over Python's, one measurement after the other. */
  readonly ratio: number;
}

function table(rows: readonly Row[]): string {
  const number = (value: number) => Math.round(value).toLocaleString("en");
  const lines = [
    ["server", "", "Python /s", "ours /s", "ratio"],
    ...rows.map(({ server, name, python, ours, ratio }) => [
      ...[server, name, number(python), number(ours), `${ratio.toFixed(2)} ×`],
    ]),
  ];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) =>
    line.map((cell, column) => column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join(
      "  ",
    )
  ).join("\n");
}

async function prepare(): Promise<{ environment: Environment; data: string }> {
  await Deno.mkdir(folder, { recursive: true });
  try {
    const environment = await prepareEnvironment();
    return { environment, data: await makeData(environment) };
  } catch (error) {
    console.error(`bench: ${error}`);
    Deno.exit(3);
  }
}

async function main(): Promise<void> {
  const { seconds, rounds, json } = readArguments(help);
  const { environment, data } = await prepare();
  const rows: Row[] = [];
  for (const server of ["runzeo", "ours"] satisfies ServerKind[]) {
    for (const [name, pairs] of await measure(server, environment, data, seconds, rounds)) {
      rows.push({
        server,
        name,
        python: median(pairs.map(({ python }) => python)),
        ours: median(pairs.map(({ ours }) => ours)),
        ratio: median(pairs.map(({ python, ours }) => ours / python)),
      });
    }
  }
  const processors = navigator.hardwareConcurrency;
  if (json) {
    console.log(
      JSON.stringify({ objects: OBJECTS, bytes: BYTES, seconds, rounds, processors, rows }, null, 2),
    );
  } else {
    console.log(
      `${OBJECTS} objects of ${BYTES} bytes, ${processors} processors, medians of ${rounds} × ${seconds} s\n`,
    );
    console.log(table(rows));
  }
}

if (import.meta.main) await main();
