/**
 * Python's client and ours, on Python's runzeo and on our server, in the same run.
 *
 * ```sh
 * deno task bench:client [--seconds N] [--rounds N] [--json]
 * ```
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type Environment, prepareEnvironment, Server, type ServerKind } from "../tests/interop/peers.ts";
import { BYTES, makeData, median, OBJECTS } from "./main.ts";

const folder = new URL("../data/bench", import.meta.url).pathname;

const help =
  `Compares our client with Python's (msgpack, uvloop) on ${OBJECTS} objects of about ${BYTES} bytes,
on Python's server and on ours.

deno task bench:client [--seconds N] [--rounds N] [--json]

  --seconds N  how long each measurement takes; default 3
  --rounds N   how often all of them are taken, the numbers shown are medians; default 3
  --json       print the numbers as JSON
  --help       print this

Needs Python 3; without it, it ends with exit code 3.`;

type ClientKind = "python" | "ours";
/** What a client did in a second, by the names of cases. */
type Rates = Readonly<Record<string, number>>;

/** How a client is started. */
function command(kind: ClientKind, environment: Environment): [string, string[]] {
  const script = (name: string) => new URL(name, import.meta.url).pathname;
  return kind === "python"
    ? [environment.python, [script("client_side.py")]]
    : [Deno.execPath(), ["run", "--no-prompt", "-A", script("client_side.ts")]];
}

async function measure(
  client: ClientKind,
  environment: Environment,
  server: Server,
  directory: string,
  seconds: number,
): Promise<Rates> {
  if (typeof server.address === "string") throw new Error(`${server.address}: expected host and port`);
  const [program, args] = command(client, environment);
  const output = await new Deno.Command(program, {
    args: [...args, ...[...server.address, directory, OBJECTS, seconds].map(String)],
    cwd: new URL("../", import.meta.url).pathname,
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!output.success) throw new Error(`the ${client} client ended with exit code ${output.code}`);
  return JSON.parse(new TextDecoder().decode(output.stdout));
}

/** Both clients on one kind of server, which serves a fresh copy of the data. */
async function round(
  kind: ServerKind,
  clients: readonly ClientKind[],
  environment: Environment,
  data: string,
  seconds: number,
): Promise<Record<ClientKind, Rates>> {
  const directory = await Deno.makeTempDir({ dir: folder, prefix: "client-" });
  try {
    await Deno.copyFile(data, `${directory}/Data.fs`);
    await Deno.copyFile(`${data}.index`, `${directory}/Data.fs.index`);
    await using server = await Server.start(environment, directory, { kind });
    const rates: Partial<Record<ClientKind, Rates>> = {};
    for (const client of clients) {
      console.error(`  ${client} on ${kind}`);
      rates[client] = await measure(client, environment, server, directory, seconds);
    }
    return rates as Record<ClientKind, Rates>;
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
  /** Ours over Python's. */
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

/** A number above 0 from the command line. */
function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) {
    console.error(`--${name} ${JSON.stringify(text)}: expected a number above 0, for example 3`);
    Deno.exit(2);
  }
  return value;
}

function readArguments(): { seconds: number; rounds: number; json: boolean } {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: {
        seconds: { type: "string", default: "3" },
        rounds: { type: "string", default: "3" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      console.log(help);
      Deno.exit(0);
    }
    const seconds = positive("seconds", values.seconds);
    return { seconds, rounds: Math.ceil(positive("rounds", values.rounds)), json: values.json };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`);
    Deno.exit(2);
  }
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
  const { seconds, rounds, json } = readArguments();
  const { environment, data } = await prepare();
  const servers: readonly ServerKind[] = ["runzeo", "ours"];
  const measured: Record<ServerKind, Record<ClientKind, Rates>[]> = { runzeo: [], ours: [] };
  for (let number = 0; number < rounds; number++) {
    console.error(`round ${number + 1} of ${rounds}`);
    // Taking turns at being first.
    const clients: ClientKind[] = number % 2 === 0 ? ["python", "ours"] : ["ours", "python"];
    for (const kind of servers) measured[kind].push(await round(kind, clients, environment, data, seconds));
  }
  const rows = servers.flatMap((server) =>
    Object.keys(measured[server][0].ours).map((name): Row => {
      const of = (client: ClientKind) => median(measured[server].map((rates) => rates[client][name]));
      return { server, name, python: of("python"), ours: of("ours"), ratio: of("ours") / of("python") };
    })
  );
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
