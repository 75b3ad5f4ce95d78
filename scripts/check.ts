/**
 * `zeo check`: a monitoring plug-in, with the lines and levels of `zeo-nagios`.
 *
 * @module
 */

import { type Command, Failure, type Invocation, UsageError, wholeNumber } from "./command.ts";
import {
  askServer,
  connectionFault,
  parseReport,
  parseServerAddress,
  type ServerReport,
  type StorageReport,
} from "./server_report.ts";
import { TLS_OPTIONS, tlsOf } from "./tls.ts";

const UNITS: Readonly<Record<string, number>> = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 };
const GAUGES = ["active_txns", "connections", "waiting"] as const;
const RATES = ["aborts", "commits", "conflicts", "conflicts_resolved", "loads", "stores"] as const;
const NO_TRANSACTION = "0000000000000000";

/** What is wrong, and how much: 1 a warning, 2 critical. */
interface Verdict {
  readonly level: 0 | 1 | 2;
  readonly messages: readonly string[];
  readonly metrics: readonly string[];
}

/** The command. */
export const check: Command = {
  name: "check",
  summary: "Checks a server for a monitoring system, as a Nagios plug-in",
  operands: "ADDRESS",
  operandCount: [1, 1],
  options: [
    { name: "output-metrics", short: "m", help: "print numbers, too" },
    { name: "status-path", short: "s", value: "FILE", help: "remembers counts from call to call, for rates" },
    { name: "time-units", short: "u", value: "UNIT", help: "of rates: seconds, minutes, hours or days" },
    { name: "timeout", value: "SECONDS", help: "how long it may take; 10 unless told otherwise" },
    ...TLS_OPTIONS,
  ],
  details: `Exit codes: 0 OK; 1 a storage is empty, or there is none; 2 the server doesn't answer.
Rates are per minute unless told otherwise.`,
  example: `$ zeo check -m localhost:8100
OK|active_txns=0
| connections=2
 waiting=0`,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { operands: [address], output, json } = invocation;
  const unit = invocation.value("time-units") ?? "minutes";
  if (!Object.hasOwn(UNITS, unit)) {
    throw new UsageError(`--time-units ${JSON.stringify(unit)}: expected ${Object.keys(UNITS).join(", ")}`);
  }
  const place = parseServerAddress(address), seconds = wholeNumber(invocation, "timeout", 1) ?? 10;
  const ask = () => askServer(place, seconds, tlsOf(invocation));
  const verdict = await judge(ask, invocation.value("status-path"), UNITS[unit]);
  if (json) {
    output.json(verdict);
    return verdict.level;
  }
  // As plug-ins do: a message and a number on the first line, then the other messages, then the other numbers.
  const [message, ...messages] = verdict.messages;
  const [metric, ...metrics] = invocation.count("output-metrics") > 0 ? verdict.metrics : [];
  output.line(metric === undefined ? message : `${message}|${metric}`);
  for (const more of messages) output.line(more);
  if (metrics.length > 0) output.line(`| ${metrics.join("\n ")}`);
  return verdict.level;
}

async function judge(
  ask: () => Promise<ServerReport>,
  statusPath: string | undefined,
  unit: number,
): Promise<Verdict> {
  let report: ServerReport;
  try {
    report = await ask();
  } catch (error) {
    return { level: 2, messages: [`Can't connect ${connectionFault(error)}`], metrics: [] };
  }
  const names = Object.keys(report).sort();
  if (names.length === 0) return { level: 1, messages: ["No storages"], metrics: [] };
  const empty = names.filter((name) => report[name]["last-transaction"] === NO_TRANSACTION);
  const metrics = names.flatMap((name) => GAUGES.map((key) => metric(name, key, String(report[name][key]))));
  if (statusPath !== undefined) metrics.push(...rates(names, report, statusPath, unit));
  return {
    level: empty.length > 0 ? 1 : 0,
    messages: empty.length > 0 ? empty.map((name) => `Empty storage '${name}'`) : ["OK"],
    metrics,
  };
}

function metric(storage: string, key: string, value: string): string {
  const name = storage === "1" ? key : `${storage}:${key}`;
  return `${name.includes(" ") ? `'${name}'` : name}=${value}`;
}

/** How fast counts have grown since the status file was written, which is written anew. */
function rates(names: readonly string[], report: ServerReport, path: string, unit: number): string[] {
  const before = previous(path);
  Deno.writeTextFileSync(path, JSON.stringify(report));
  if (before === undefined) return [];
  const elapsed = (Date.now() - before.time) / 1000 / unit;
  if (elapsed <= 0) return [];
  return names.flatMap((name) => {
    const then = before.report[name];
    if (then === undefined) return [];
    return RATES.filter((key) => typeof then[key] === "number")
      .map((key) => metric(name, key, rate(report[name], then, key, elapsed)));
  });
}

function rate(now: StorageReport, then: StorageReport, key: string, elapsed: number): string {
  const value = (Number(now[key]) - Number(then[key])) / elapsed;
  // As Python prints a float.
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** What was remembered; nothing when there is nothing that can be read. */
function previous(path: string): { readonly report: ServerReport; readonly time: number } | undefined {
  try {
    const { mtime } = Deno.statSync(path);
    return mtime === null
      ? undefined
      : { report: parseReport(Deno.readFileSync(path)), time: mtime.getTime() };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Failure) return undefined;
    throw error;
  }
}
