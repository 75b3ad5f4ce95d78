/**
 * A bank: accounts that are objects of their own, and nothing but whole transfers is ever committed. Whoever sees another
 * sum than the one at the start has seen parts of different moments.
 *
 * Clients say what they have read and done; when the database's history is known, all of it is checked.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ClientStorage } from "../../client.ts";
import { type Awaitable, NO_TID, type Oid, oid as asOid, type Tid, tid as asTid } from "../../values/mod.ts";

/** What is in each account at the start. */
export const START = 1000;

/** The accounts of a bank. The root object is none of them. */
export function accounts(count: number): readonly Oid[] {
  return Array.from({ length: count }, (_, number) => asOid(number + 1));
}

const HEAD = new TextEncoder().encode(
  "\u0000\u0003cpersistent.mapping\nPersistentMapping\n.\u0000\u0003}X\u0004\0\0\0data}(X\u0006\0\0\0amountJ",
);
for (const at of [0, HEAD.indexOf(0, 1)]) HEAD[at] = 0x80;
const PADDING = new TextEncoder().encode("X\u0007\0\0\0paddingX");

/** The record of an account: a `PersistentMapping` with its amount, and bytes to make it longer. */
export function accountRecord(amount: number, padding: number): Uint8Array {
  const record = new Uint8Array(HEAD.length + 4 + PADDING.length + 4 + padding + 3);
  const view = new DataView(record.buffer);
  record.set(HEAD);
  view.setInt32(HEAD.length, amount, true);
  record.set(PADDING, HEAD.length + 4);
  const text = HEAD.length + 4 + PADDING.length + 4;
  view.setUint32(text - 4, padding, true);
  record.fill(0x78, text, text + padding);
  record.set(new TextEncoder().encode("us."), text + padding);
  return record;
}

/** What is in an account. @throws {Error} when the record is none of an account, or not whole. */
export function amountOf(record: Uint8Array): number {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const amount = view.getInt32(HEAD.length, true);
  const whole = accountRecord(amount, record.length - accountRecord(0, 0).length);
  assertEquals(record.toHex(), whole.toHex(), "not the record of an account");
  return amount;
}

/** Opens a bank on an empty database. */
export async function openBank(address: readonly [string, number], oids: readonly Oid[]): Promise<void> {
  await commit(address, "opening", () => oids.map((oid) => [oid, NO_TID, accountRecord(START, 0)]));
}

/** Commits a last transaction, which changes no amount: who knows of it knows of everything. */
export function closeBank(address: readonly [string, number], [oid]: readonly Oid[]): Promise<Tid> {
  return commit(address, "closing", async (storage) => {
    const { serial, data } = (await storage.load(oid))!;
    return [[oid, serial, data]];
  });
}

async function commit(
  [hostname, port]: readonly [string, number],
  note: string,
  changes: (storage: ClientStorage) => Awaitable<(readonly [Oid, Tid, Uint8Array])[]>,
): Promise<Tid> {
  await using storage = new ClientStorage({ hostname, port });
  await storage.ready;
  const description = new TextEncoder().encode(note);
  const transaction = storage.begin({ user: new Uint8Array(), description, extension: new Uint8Array() });
  for (const [oid, serial, data] of await changes(storage)) transaction.store(oid, serial, data);
  await transaction.vote();
  return await transaction.finish();
}

/** A revision that a client was given. */
export interface Read {
  readonly oid: Oid;
  readonly before: Tid;
  readonly serial: Tid;
  readonly end: Tid | null;
  readonly amount: number;
}

/** What a client says of itself. Transactions are known by their notes, which no two have in common. */
export class Statement {
  readonly reads: Read[] = [];
  /** Those whose `finish` has answered. */
  readonly acknowledged = new Map<string, Tid>();
  /** Those whose `finish` has not: they may be there or not. */
  readonly uncertain = new Set<string>();
  /** Those that were never finished. */
  readonly refused = new Set<string>();
  /** What it has been told by `changes`. */
  readonly changes: { readonly tid: Tid; readonly oids: readonly Oid[] }[] = [];
  /** How often what happened. */
  readonly counts: Record<string, number> = {};

  /** Counts something. */
  count(what: string, times = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + times;
  }
}

/** A transaction, as the database has it. */
export interface HistoricTransaction {
  readonly tid: Tid;
  readonly note: string;
  readonly amounts: ReadonlyMap<Oid, number>;
}

/** A history, as `bank.history` in Python tells it. */
export type ToldHistory = readonly (readonly [
  tid: string,
  note: string,
  amounts: readonly (readonly [oid: number, amount: number])[],
])[];

/** The history of the database: the truth about all that clients say. */
export class History {
  readonly #transactions: readonly HistoricTransaction[];
  readonly #revisions = new Map<Oid, { readonly tid: Tid; readonly amount: number }[]>();
  readonly #byNote = new Map<string, Tid>();

  /** @param transactions In their order; the first one makes the accounts. */
  constructor(transactions: readonly HistoricTransaction[]) {
    this.#transactions = transactions;
    for (const { tid, note, amounts } of transactions) {
      assert(!this.#byNote.has(note), `${note} is there twice`);
      this.#byNote.set(note, tid);
      for (const [oid, amount] of amounts) {
        const revisions = this.#revisions.get(oid);
        if (revisions) revisions.push({ tid, amount });
        else this.#revisions.set(oid, [{ tid, amount }]);
      }
    }
  }

  /** The history that Python tells. */
  static of(told: ToldHistory): History {
    return new History(told.map(([id, note, amounts]) => ({
      tid: asTid(BigInt(`0x${id}`)),
      note,
      amounts: new Map(amounts.map(([account, amount]) => [asOid(account), amount])),
    })));
  }

  /** The current revisions. */
  get current(): ReadonlyMap<Oid, { readonly tid: Tid; readonly amount: number }> {
    return new Map([...this.#revisions].map(([oid, revisions]) => [oid, revisions.at(-1)!]));
  }

  /** Checks that no money was made or lost. */
  checkSum(): void {
    const amounts = new Map<Oid, number>();
    for (const { note, amounts: changed } of this.#transactions) {
      for (const [oid, amount] of changed) amounts.set(oid, amount);
      const sum = [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
      assertEquals(sum, START * amounts.size, `the sum after ${note}`);
    }
  }

  /** Checks all that a client says. @param who What messages call it. */
  check(who: string, statement: Statement): void {
    for (const read of statement.reads) this.#checkRead(who, read);
    for (const [note, tid] of statement.acknowledged) {
      assertEquals(this.#byNote.get(note), tid, `${who}: ${note} was acknowledged`);
    }
    for (const note of statement.refused) {
      assert(!this.#byNote.has(note), `${who}: ${note} is there, and was never finished`);
    }
    this.#checkChanges(who, statement);
  }

  #checkRead(who: string, { oid, before, serial, end, amount }: Read): void {
    const revisions = this.#revisions.get(oid)!;
    let low = 0, high = revisions.length;
    while (low < high) {
      const middle = low + high >> 1;
      if (revisions[middle].tid < before) low = middle + 1;
      else high = middle;
    }
    const right = revisions[low - 1];
    const what = `${who} has read ${oid} before ${before}`;
    assertEquals({ serial, amount }, { serial: right?.tid, amount: right?.amount }, what);
    if (end !== null) assertEquals(end, revisions[low]?.tid, `${what}: the next revision`);
  }

  #checkChanges(who: string, { changes }: Statement): void {
    for (const [index, { tid, oids }] of changes.entries()) {
      const right = this.#transactions[index];
      assertEquals(tid, right?.tid, `${who}: transaction ${index} of its changes`);
      assertEquals(oids.toSorted(), [...right.amounts.keys()].toSorted(), `${who}: the objects of ${tid}`);
    }
  }

  /** Checks that a client was told of everything by `changes`. */
  checkFollowed(who: string, { changes }: Statement): void {
    assertEquals(changes.length, this.#transactions.length, `${who}: transactions that it was told of`);
  }
}
