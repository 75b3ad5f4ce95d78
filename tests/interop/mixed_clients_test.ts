/**
 * Deno and Python clients together on one server of either make, in processes of their own, some with cache files that are
 * closed and opened again: all that they saw and did is true, and in the end all see the same.
 *
 * `ZEO_MIXED_SECONDS` says how long on each server (default 4), `ZEO_MIXED_SEED` repeats the chances of an earlier run.
 */

import { assert, assertEquals } from "@std/assert";
import { type Oid, oid, type Tid, tid } from "../../values/mod.ts";
import { accounts, closeBank, History, openBank, Statement, type ToldHistory } from "./bank.ts";
import { encodings, interopTest, type Peers, type ServerKind } from "./peers.ts";
import type { TellerOptions } from "./teller.ts";

const ACCOUNTS = accounts(12);
const seconds = Number(Deno.env.get("ZEO_MIXED_SECONDS") ?? 4);
const seed = Number(Deno.env.get("ZEO_MIXED_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const root = new URL("../../", import.meta.url).pathname;

/** What a client in another process says, as JSON has it. */
interface Told {
  readonly acknowledged: readonly [note: string, tid: string][];
  readonly uncertain: readonly string[];
  readonly refused: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly seen: readonly [oid: number | string, serial: string][];
  readonly kept?: readonly [oid: string, serial: string][];
  readonly cached?: readonly [oid: string, serial: string][];
  readonly changes?: readonly { readonly tid: string; readonly oids: readonly string[] }[];
}

interface DenoTold extends Told {
  readonly reads: readonly {
    oid: string;
    before: string;
    serial: string;
    end: string | null;
    amount: number;
  }[];
}

interface PythonTold extends Told {
  readonly reads: readonly [
    oid: number,
    before: string,
    serial: string,
    end: string | null,
    amount: number,
  ][];
}

interface Client {
  readonly name: string;
  /** Resolves when it has worked. */
  readonly worked: Promise<unknown>;
  /** What it says when it knows of a transaction. */
  tell(last: Tid): Promise<{ readonly statement: Statement; readonly told: Told }>;
}

const toOid = (text: number | string): Oid => oid(BigInt(text));
const toTid = (text: string): Tid => tid(BigInt(text));

function statementOf(told: Told, reads: DenoTold["reads"]): Statement {
  const statement = new Statement();
  for (const { oid, before, serial, end, amount } of reads) {
    statement.reads.push({
      ...{ oid: toOid(oid), before: toTid(before), serial: toTid(serial), amount },
      end: end === null ? null : toTid(end),
    });
  }
  for (const [note, tid] of told.acknowledged) statement.acknowledged.set(note, toTid(tid));
  for (const note of told.uncertain) statement.uncertain.add(note);
  for (const note of told.refused) statement.refused.add(note);
  for (const { tid, oids } of told.changes ?? []) {
    statement.changes.push({ tid: toTid(tid), oids: oids.map(toOid) });
  }
  Object.assign(statement.counts, told.counts);
  return statement;
}

/** A Deno process with a client. */
class DenoClient implements Client, AsyncDisposable {
  readonly name: string;
  readonly worked: Promise<unknown>;
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncGenerator<string>;

  constructor(options: Omit<TellerOptions, "accounts">) {
    this.name = options.name;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "-A", "--config", `${root}deno.json`],
        ...[`${root}tests/interop/teller_program.ts`],
        ...[JSON.stringify({ ...options, accounts: ACCOUNTS.map(Number) }), String(seconds)],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = linesOf(this.#process.stdout);
    this.worked = this.#line();
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.name} has ended`);
    return value;
  }

  async tell(last: Tid): Promise<{ readonly statement: Statement; readonly told: Told }> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${last}\n`));
    const told = JSON.parse(await this.#line()) as DenoTold;
    await writer.close();
    assertEquals((await this.#process.status).code, 0, this.name);
    return { statement: statementOf(told, told.reads), told };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#process.status;
    while (!(await this.#lines.next()).done);
    await this.#process.stdin.close().catch(() => {});
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const rest: string[] = [];
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const [first, ...lines] = text.split("\n");
    rest.push(first);
    for (const line of lines) {
      yield rest.splice(0).join("");
      rest.push(line);
    }
  }
}

/** A Python process with a client. */
function pythonClient(
  peers: Peers,
  options: {
    readonly name: string;
    readonly address: readonly [string, number];
    readonly seed: number;
    readonly cache?: boolean;
    readonly reopens?: number;
  },
): Client {
  const session = peers.session();
  return {
    name: options.name,
    worked: session.call("bank.work", { ...options, accounts: ACCOUNTS.map(Number), seconds }),
    async tell(last) {
      const told = await session.call<PythonTold>("bank.state", { last: String(last) });
      const reads = told.reads.map(([account, before, serial, end, amount]) => ({
        ...{ oid: String(account), before, serial, end, amount },
      }));
      return { statement: statementOf(told, reads), told };
    },
  };
}

for (const kind of ["ours", "runzeo"] satisfies ServerKind[]) {
  // Each make in one encoding: what is to be shown is how clients get on with each other.
  const { name: encoding, msgpack } = encodings[kind === "ours" ? 1 : 0];
  await interopTest(
    `after ${seconds} s of Deno and Python clients on ${kind}, all that they saw is true, ${encoding}`,
    async (peers) => {
      console.log(`ZEO_MIXED_SEED=${seed}`);
      await using server = await peers.start({ kind, msgpack });
      const address = server.address as readonly [string, number];
      await openBank(address, ACCOUNTS);
      const cache = `${peers.folder}/ours.zec`;
      await using one = new DenoClient({ name: "deno", address, seed, storage: { cacheSize: 3000 } });
      await using two = new DenoClient({
        ...{ name: "deno-kept", address, seed: seed + 1, storage: { cache }, reopens: 0.05 },
      });
      const clients = [
        one,
        two,
        pythonClient(peers, { name: "python", address, seed: seed + 2 }),
        pythonClient(peers, { name: "python-kept", address, seed: seed + 3, cache: true, reopens: 0.02 }),
      ];
      await Promise.all(clients.map(({ worked }) => worked));
      const last = await closeBank(address, ACCOUNTS);
      const told = await Promise.all(clients.map((client) => client.tell(last)));
      await server.end();
      const path = `${peers.folder}/Data.fs`;
      const history = History.of(await peers.session().call<ToldHistory>("bank.history", { path }));
      history.checkSum();
      for (const [index, { name }] of clients.entries()) {
        const { statement, told: { seen, kept = [], cached = [] } } = told[index];
        const deno = name.startsWith("deno");
        if (deno || kind === "ours") assertEquals(statement.counts.torn, undefined, name);
        // Python's client believes what Python's server answers before it has told of what came before.
        else statement.reads.length = 0;
        history.check(name, statement);
        if (deno) history.checkFollowed(name, statement);
        assert(statement.counts.transfers > 0, `${name}: ${JSON.stringify(statement.counts)}`);
        assertEquals(seen.length, ACCOUNTS.length);
        for (const [account, serial] of [...seen, ...kept, ...cached]) {
          assertEquals(toTid(serial), history.current.get(toOid(account))!.tid, `${name}: ${account}`);
        }
        console.log(`${name}: ${JSON.stringify(statement.counts)}`);
      }
    },
  );
}
