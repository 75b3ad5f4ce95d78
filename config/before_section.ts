/**
 * `<before>`, known after `%import zc.beforestorage`: a storage as it was before a moment.
 *
 * The moment is `YYYY-MM-DD`, `YYYY-MM-DDTHH`, `…:MM` or `…:MM:SS.SSS`, in UTC; `now`; or `startup`, when this process
 * began. With `before-from-file` it is in a file, which is made with the current time where there is none.
 *
 * @module
 */

import { NO_TID, type Tid, tidFromTime } from "../values/mod.ts";
import { type Datatype, DatatypeError, string } from "./datatypes.ts";
import { ConfigurationError, type Position } from "./errors.ts";
import { type KeyTable, optional } from "./schema.ts";

/** Which moment a `<before>` section names; a transaction id is the first that can't be seen. */
export type BeforeMoment = "now" | "startup" | Tid;

const EXPECTED = "a time in UTC, for example 2024-03-05T14:07:02.5, or now, or startup";

const moment: Datatype<BeforeMoment> = {
  expected: EXPECTED,
  convert(text) {
    const word = text.toLowerCase();
    if (word === "now" || word === "startup") return word;
    const tid = parseMoment(text);
    if (tid === undefined) throw new DatatypeError();
    return tid;
  },
};

/** The keys of the section. */
export const BEFORE_KEYS = {
  "before": optional(moment),
  "before-from-file": optional(string),
} satisfies KeyTable;

const PARTS = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:T(?:(\d{1,2})(?::(\d{1,2})(?::(\d{1,2}(?:\.\d*)?))?)?)?)?$/;

/** The first transaction id of a moment; undefined for a text that is none. */
function parseMoment(text: string): Tid | undefined {
  const parts = PARTS.exec(text)?.slice(1).map((part) => Number(part ?? 0));
  if (parts === undefined) return undefined;
  const [year, month, day, hour, minute, second] = parts;
  if (year < 1901 || hour > 23 || minute > 59 || second >= 60) return undefined;
  const date = new Date(Date.UTC(year, month - 1, day));
  // A day that the month doesn't have is one of the next month.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return tidFromTime(date.setUTCHours(hour, minute) + second * 1000);
}

/** What a `<before>` section says of its moment. */
export interface BeforeKeys {
  /** The moment itself. */
  readonly before?: BeforeMoment;
  /** The file that has it. */
  readonly beforeFromFile?: string;
  /** Where the section starts. */
  readonly position: Position;
}

/**
 * The first transaction that a view can't see.
 * @throws {ConfigurationError} when the file has no time in it.
 */
export function firstUnseen({ before, beforeFromFile, position }: BeforeKeys): Tid {
  if (beforeFromFile !== undefined) return fromFile(beforeFromFile, position);
  if (before === "startup") return tidFromTime(performance.timeOrigin);
  return before === undefined || before === "now" ? tidFromTime(Date.now()) : before;
}

function fromFile(path: string, position: Position): Tid {
  const now = new Date().toISOString().slice(0, "2024-03-05T14:07:02".length);
  try {
    Deno.writeTextFileSync(path, now, { createNew: true });
    return parseMoment(now) ?? NO_TID;
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const value = Deno.readTextFileSync(path).trim();
  const tid = parseMoment(value);
  if (tid !== undefined) return tid;
  throw new ConfigurationError(position, `${path}: expected a time in UTC, for example 2024-03-05T14:07:02`, {
    section: "before",
    key: "before-from-file",
    value,
  });
}
