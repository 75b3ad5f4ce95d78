/**
 * What a Data.fs is full of: its records by class, and how much of it is history.
 *
 * @module
 */

import { recordClass } from "../../pickle/mod.ts";
import { OidIndex } from "../file/oid_index.ts";
import { decompressRecord } from "../zlib/compressed_record.ts";
import type { DataFileReader } from "./data_file_reader.ts";

/** How many, and how many bytes of data. */
export interface Amount {
  /** Records. */
  readonly count: number;
  /** Bytes of their data; a record that shares another's data counts with it. */
  readonly bytes: number;
}

/** The records of one class. */
export interface ClassAmount extends Amount {
  /** Module and name, `persistent.mapping.PersistentMapping`; `<unknown>` for records that can't be read. */
  readonly name: string;
  /** Those of them that are their objects' newest with data. */
  readonly current: Amount;
}

/** What a file is full of. */
export interface ClassStatistics {
  /** Transactions of the file. */
  readonly transactions: number;
  /** All records, those included that say that an object is gone. */
  readonly records: Amount;
  /** Objects' newest records with data. Those of objects that are gone by now are among them, as in the original. */
  readonly current: Amount;
  /** Records that another took the place of. */
  readonly old: Amount;
  /** Objects that are gone: deleted, or their creation undone. */
  readonly deleted: number;
  /** By class, in the order of names. */
  readonly classes: readonly ClassAmount[];
}

class Sum {
  count = 0;
  bytes = 0;

  add(count: number, bytes: number): void {
    this.count += count;
    this.bytes += bytes;
  }

  amount(): Amount {
    return { count: this.count, bytes: this.bytes };
  }
}

interface ClassSums {
  readonly name: string;
  readonly all: Sum;
  readonly current: Sum;
}

const UNKNOWN = "<unknown>";

/**
 * Counts the records of a file by class. Takes some bytes of memory for each object.
 *
 * @param progress Told after every transaction where in the file it is, and how many records were counted.
 * @throws {CorruptedTransactionError} when the file contradicts itself.
 */
export function classStatistics(
  reader: DataFileReader,
  progress: (position: number, records: number) => void = () => {},
): ClassStatistics {
  const numbers = new Map<string, number>(), sums: ClassSums[] = [];
  // Of each object's newest data: its class and its size, one more of each since 0 means that there is none.
  const classes = new OidIndex(), sizes = new OidIndex(), gone = new OidIndex();
  const records = new Sum(), current = new Sum();
  let transactions = 0;
  const sumsOf = (data: Uint8Array): number => {
    const found = classOf(data);
    let number = numbers.get(found);
    if (number === undefined) {
      numbers.set(found, number = sums.length);
      sums.push({ name: found, all: new Sum(), current: new Sum() });
    }
    return number;
  };
  for (const transaction of reader.transactions()) {
    transactions++;
    for (const { oid, data, position } of reader.records(transaction)) {
      if (data === null) {
        records.add(1, 0);
        gone.set(oid, position);
        continue;
      }
      if (gone.size > 0) gone.delete(oid);
      records.add(1, data.length);
      const number = sumsOf(data), before = classes.get(oid);
      if (before !== undefined) {
        const size = sizes.get(oid)! - 1;
        sums[before - 1].current.add(-1, -size);
        current.add(-1, -size);
      }
      for (const sum of [sums[number].all, sums[number].current, current]) sum.add(1, data.length);
      classes.set(oid, number + 1);
      sizes.set(oid, data.length + 1);
    }
    progress(transaction.recordsEnd, records.count);
  }
  const all = sums.reduce((count, sum) => count + sum.all.count, 0);
  return {
    transactions,
    records: records.amount(),
    current: current.amount(),
    old: { count: all - current.count, bytes: records.bytes - current.bytes },
    deleted: gone.size,
    classes: sums
      .map(({ name, all, current }) => ({ name, ...all.amount(), current: current.amount() }))
      .sort((a, b) => a.name < b.name ? -1 : 1),
  };
}

/** The dotted name of a record's class; `<unknown>` where the bytes don't say. Compressed records are looked into. */
export function classOf(data: Uint8Array): string {
  try {
    const found = recordClass(decompressRecord(data));
    return found === undefined ? UNKNOWN : `${found.module}.${found.name}`;
  } catch {
    // Damaged compressed data is as unknown as any other.
    return UNKNOWN;
  }
}
