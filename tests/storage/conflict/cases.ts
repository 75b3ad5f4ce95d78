/**
 * Conflicts and what the original makes of them, from `make_cases.py`.
 *
 * @module
 */

import { ConflictResolver } from "../../../storage/conflict/mod.ts";
import { oid, tid } from "../../../values/mod.ts";

/** Old, committed and new record. */
export type Records = readonly [Uint8Array, Uint8Array, Uint8Array];

/** One conflict. */
export interface Case {
  readonly group: string;
  readonly records: Records;
  /** The original's record; undefined where it raises a ConflictError. */
  readonly result?: Uint8Array;
  /** What it logs then. */
  readonly why?: string;
  /** Whether our bytes have to be the original's. */
  readonly exact: boolean;
}

interface CaseFile {
  /** Every name under which the original finds a class that can resolve. */
  readonly classes: string[];
  readonly cases: Case[];
  /** The original resolves these and we don't. */
  readonly beyond: Case[];
}

interface CaseLine {
  readonly group: string;
  readonly records: [string, string, string];
  readonly result: string | null;
  readonly why?: string;
  readonly exact?: boolean;
}

function readCase({ group, records: [old, committed, current], result, why, exact = false }: CaseLine): Case {
  return {
    group,
    records: [Uint8Array.fromBase64(old), Uint8Array.fromBase64(committed), Uint8Array.fromBase64(current)],
    result: result === null ? undefined : Uint8Array.fromBase64(result),
    why,
    exact,
  };
}

/** The cases of a file; without a name, those of the repository. */
export function readCases(path?: string): CaseFile {
  const file = path ?? new URL("../../fixtures/conflict_cases.json", import.meta.url);
  const { classes, cases, beyond } = JSON.parse(Deno.readTextFileSync(file));
  return { classes, cases: cases.map(readCase), beyond: beyond.map(readCase) };
}

/** What a resolver makes of three records. */
export function resolve(
  [old, committed, newData]: Records,
  resolver: ConflictResolver = new ConflictResolver(),
): Uint8Array | undefined {
  return resolver.resolve({
    oid: oid(1),
    read: tid(1),
    committed: tid(2),
    newData,
    load: (serial) => serial === tid(1) ? old : committed,
  });
}
