/**
 * `zeo pack`: has servers pack their storages; what `zeopack` does.
 *
 * @module
 */

import { client } from "../client.ts";
import type { TlsClientOptions } from "../protocol/mod.ts";
import { type Command, type Invocation, UsageError, wholeNumber } from "./command.ts";
import { bytesText } from "./progress.ts";
import { askServer, connectionFault, parseServerAddress } from "./server_report.ts";
import { TLS_OPTIONS, tlsOf } from "./tls.ts";

/** The command. */
export const pack: Command = {
  name: "pack",
  summary: "Has servers drop old revisions and unreachable objects",
  operands: "ADDRESS[:NAME]…",
  operandCount: [0, Infinity],
  options: [
    {
      name: "days",
      short: "d",
      value: "DAYS",
      help: "keep the history of so many days; 0 unless told otherwise",
    },
    { name: "time", short: "t", value: "HH[:MM[:SS]]", help: "count the days from this time of day, local" },
    { name: "unix", short: "u", value: "PATH[:NAME]", repeatable: true, help: "a server on a Unix socket" },
    { name: "all", short: "a", help: "all storages of each server" },
    { name: "timeout", value: "SECONDS", help: "how long to wait for a server; 60 unless told otherwise" },
    ...TLS_OPTIONS,
    { name: "dry-run", help: "connect, change nothing, only say what would be packed" },
  ],
  details: `ADDRESS is HOST:PORT; NAME is that of a storage, "1" unless told otherwise. Waits until
each is packed, one after the other; servers answer their clients meanwhile. The
exit code is 1 when one of them failed; the others are packed all the same. A pack
that has begun goes on in the server when this is interrupted.`,
  interruptible: true,
  example: `$ zeo pack --days 3 localhost:8100 localhost:8100:archive
localhost:8100:1: packed to 2026-11-19T15:16:36.000Z: 10.2 MB before, 4.1 MB after
localhost:8100:archive: nothing to drop, 512.0 MB`,
  run,
};

/** A storage of a server. */
interface Target {
  readonly address: string;
  readonly storage: string;
}

/** How to talk to servers. */
interface Manner {
  /** Seconds to wait for one. */
  readonly timeout: number;
  readonly tls?: TlsClientOptions;
}

async function run(invocation: Invocation): Promise<number> {
  const time = packTime(invocation, new Date()), timeout = wholeNumber(invocation, "timeout", 1) ?? 60;
  const manner = { timeout, tls: tlsOf(invocation) };
  const named = [...invocation.operands.map(parseTcp), ...invocation.values("unix").map(parseUnix)];
  if (named.length === 0) throw new UsageError(`pack needs ${pack.operands}, or --unix`);
  let failed = 0;
  for (const each of named) {
    try {
      for (const target of await storagesOf(each, invocation, manner)) {
        await packOne(target, time, manner, invocation);
      }
    } catch (error) {
      if (invocation.signal.aborted) throw error;
      failed++;
      invocation.note(`${nameOf(each)}: ${connectionFault(error)}`);
    }
  }
  return failed > 0 ? 1 : 0;
}

/** The moment to pack to: so many days before a time of today, or before now. */
export function packTime(invocation: Pick<Invocation, "value">, now: Date): Date {
  const days = wholeNumber(invocation, "days", 0) ?? 0;
  const time = new Date(now), text = invocation.value("time");
  if (text !== undefined) {
    const match = /^(\d\d?)(?::(\d\d)(?::(\d\d))?)?$/.exec(text);
    const [hour, minute, second] = match ? match.slice(1).map((part) => Number(part ?? 0)) : [NaN];
    if (!(hour < 24 && minute < 60 && second < 60)) {
      throw new UsageError(`--time ${JSON.stringify(text)}: expected HH[:MM[:SS]], for example 02:30`);
    }
    time.setHours(hour, minute, second, 0);
  }
  return new Date(time.getTime() - days * 86_400_000);
}

function parseTcp(text: string): Target {
  const match = /^(\[[^\]]*\]:\d+|[^:]*:\d+|\d+)(?::(.+))?$/.exec(text);
  if (!match) throw new UsageError(`${JSON.stringify(text)}: expected HOST:PORT or HOST:PORT:NAME`);
  return { address: match[1], storage: match[2] ?? "1" };
}

function parseUnix(text: string): Target {
  const [path, storage] = text.split(":");
  // A slash is what tells a path from a host.
  return { address: path.includes("/") ? path : `./${path}`, storage: storage ?? "1" };
}

const nameOf = ({ address, storage }: Target): string => `${address}:${storage}`;

async function storagesOf(
  target: Target,
  invocation: Invocation,
  { timeout, tls }: Manner,
): Promise<readonly Target[]> {
  if (invocation.count("all") === 0) return [target];
  const report = await askServer(parseServerAddress(target.address), timeout, tls);
  return Object.keys(report).map((storage) => ({ ...target, storage }));
}

async function packOne(
  target: Target,
  time: Date,
  { timeout, tls }: Manner,
  invocation: Invocation,
): Promise<void> {
  const { output, json, signal } = invocation, name = nameOf(target), moment = time.toISOString();
  // It asks for no changes itself: a server that takes none refuses the pack, and says so.
  await using storage = await client(target.address, {
    storage: target.storage,
    readOnly: true,
    waitTimeout: timeout,
    tls,
    cacheSize: 1 << 20,
    signal,
  });
  if (invocation.count("dry-run") > 0) {
    if (json) output.json({ ...target, time: moment, size: storage.size(), dryRun: true });
    else output.line(`${name}: would pack to ${moment}, ${bytesText(storage.size())} now`);
    return output.flush();
  }
  const { outcome, size: [before, after] } = await storage.pack(time.getTime() / 1000, { signal })
    .catch((error) => {
      if (signal.aborted) invocation.note(`${name}: the server goes on packing`);
      throw error;
    });
  if (json) output.json({ ...target, time: moment, outcome, before, after, dryRun: false });
  else if (outcome === "packed") {
    output.line(`${name}: packed to ${moment}: ${bytesText(before)} before, ${bytesText(after)} after`);
  } else output.line(`${name}: nothing to drop, ${bytesText(after)}`);
  output.flush();
}
