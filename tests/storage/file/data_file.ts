/**
 * Data.fs files made by hand, byte by byte from the format's description and not by the code under test.
 *
 * @module
 */

import * as fc from "fast-check";

/** One record of a transaction to write. */
export interface PlainRecord {
  readonly oid: bigint;
  readonly data: Uint8Array;
}

/** A transaction to write. */
export interface PlainTransaction {
  readonly records: readonly PlainRecord[];
  readonly status?: string;
  readonly user?: string;
  readonly description?: string;
  readonly extension?: Uint8Array;
}

/** A written file, and what is in it. */
export interface PlainFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each transaction starts, and, last, where the file ends. */
  readonly positions: readonly number[];
  readonly tids: readonly bigint[];
  /** For each number of transactions, where each object's newest record is. */
  readonly newest: readonly ReadonlyMap<bigint, number>[];
  /** Where the records of each transaction are. */
  readonly records: readonly (readonly number[])[];
}

/** The tid of the n-th transaction that {@linkcode plainFile} writes, from 0: a minute apart from 2024 on. */
export function nthTid(n: number): bigint {
  return (0x03f7_048fn + BigInt(n)) << 32n | 0x0444_4444n;
}

/** A file of the transactions. */
export function plainFile(transactions: readonly PlainTransaction[]): PlainFile {
  const out: number[] = [0x46, 0x53, 0x33, 0x30];
  const put = (value: bigint | number, length: number) => {
    for (let shift = length - 1; shift >= 0; shift--) {
      out.push(Number(BigInt(value) >> BigInt(8 * shift) & 0xffn));
    }
  };
  const positions: number[] = [], tids: bigint[] = [], records: number[][] = [];
  const newest: Map<bigint, number>[] = [new Map()];
  for (const [number, transaction] of transactions.entries()) {
    const start = out.length, id = nthTid(number);
    const user = new TextEncoder().encode(transaction.user ?? "");
    const description = new TextEncoder().encode(transaction.description ?? "");
    const extension = transaction.extension ?? new Uint8Array();
    const sizes = transaction.records.map(({ data }) => 42 + (data.length || 8));
    const length = 23 + user.length + description.length + extension.length +
      sizes.reduce((a, b) => a + b, 0);
    put(id, 8), put(length, 8);
    out.push((transaction.status ?? " ").charCodeAt(0));
    put(user.length, 2), put(description.length, 2), put(extension.length, 2);
    out.push(...user, ...description, ...extension);
    const before = newest.at(-1)!, after = new Map(before), places: number[] = [];
    for (const { oid, data } of transaction.records) {
      places.push(out.length);
      if (transaction.status !== "u") after.set(oid, out.length);
      put(oid, 8), put(id, 8), put(before.get(oid) ?? 0, 8), put(start, 8), put(0, 2), put(data.length, 8);
      if (data.length === 0) put(0, 8);
      for (const byte of data) out.push(byte);
    }
    put(length, 8);
    positions.push(start), tids.push(id), records.push(places), newest.push(after);
  }
  return { bytes: new Uint8Array(out), positions: [...positions, out.length], tids, newest, records };
}

const oids: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 12n }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);

/** Any few transactions. */
export const plainTransactions: fc.Arbitrary<PlainTransaction[]> = fc.array(
  fc.record({
    records: fc.array(fc.record({ oid: oids, data: fc.uint8Array({ maxLength: 30 }) }), { maxLength: 4 }),
    status: fc.constantFrom(" ", " ", " ", "p", "u"),
    user: fc.string({ maxLength: 5 }),
    description: fc.string({ maxLength: 5 }),
    extension: fc.uint8Array({ maxLength: 6 }),
  }),
  { maxLength: 5 },
);

/** The worked example of the format's description: store, store, undo; as Python's FileStorage writes it. */
export const EXAMPLE: Uint8Array<ArrayBuffer> = Uint8Array.fromHex(
  "4653333003f7048f0444444400000000000000a7200005000500112f20626f62666972737480037d710058010000006b" +
    "71014b01732e000000000000000003f7048f04444444000000000000000000000000000000040000000000000000004b" +
    "80036370657273697374656e742e6d617070696e670a50657273697374656e744d617070696e670a71002e80037d7100" +
    "58040000006461746171017d710258010000006e71034b0173732e00000000000000a703f7048f0aaaaaaa0000000000" +
    "0000d620000000000000000000000000000003f7048f0aaaaaaa000000000000003600000000000000b3000000000000" +
    "0000004b80036370657273697374656e742e6d617070696e670a50657273697374656e744d617070696e670a71002e80" +
    "037d710058040000006461746171017d710258010000006e71034b0273732e000000000000000103f7048f0aaaaaaa00" +
    "0000000000000000000000000000b3000000000000000000208003634254726565732e4c656e6774680a4c656e677468" +
    "0a71002e80034b052e00000000000000d603f7048f0ccccccc000000000000007b200000000000000000000000000000" +
    "03f7048f0ccccccc00000000000000ca0000000000000191000000000000000000000000000000000036000000000000" +
    "000103f7048f0ccccccc000000000000013f000000000000019100000000000000000000000000000000000000000000" +
    "0000007b",
);

/** The index that Python saves for {@linkcode EXAMPLE}. */
export const EXAMPLE_INDEX: Uint8Array<ArrayBuffer> = Uint8Array.fromHex(
  "80034d14022e800343060000000000004310000000010000000001a80000000001da862e80034e2e",
);
