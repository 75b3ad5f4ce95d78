/**
 * The log lines about one transaction's way through its vote, as log parsers know them.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type ConflictError, type Oid, type Tid, tidTime } from "../values/mod.ts";
import type { ServedStorage } from "./served_storage.ts";

const log = getLogger(["zeo", "server"]);

/** What happened to a transaction that wants objects for itself. */
export type LockEvent = "lock" | "queue lock" | "dequeue lock" | "unlock";

/** With more than so many waiting, operators are to look. */
const WORRYING = 3, CRITICAL = 9;

/** Says what happened, and how many wait. Call it when that number is as it is afterwards. */
export function logLock(event: LockEvent, label: string, { id, locks: { waiting } }: ServedStorage): void {
  if (waiting > CRITICAL) log.fatal`(${label}) ('${id}') ${event}: transactions waiting: ${waiting}`;
  else if (waiting > WORRYING) log.warn`(${label}) ('${id}') ${event}: transactions waiting: ${waiting}`;
  else if (log.isEnabledFor("debug")) {
    log.debug`(${label}) ('${id}') ${event}: transactions waiting: ${waiting}`;
  }
}

/** Says that a transaction has its objects and is voted on. */
export function logPreparing(label: string, changes: readonly Oid[], bytes: number): void {
  if (!log.isEnabledFor("debug")) return;
  const objects = new Set(changes).size;
  log.debug("({label}) Preparing to commit transaction: {objects} objects, {bytes} bytes", {
    ...{ label, objects, bytes },
    blather: true,
  });
}

/** Says that a vote ended in a conflict. */
export function logConflict(label: string, { message, conflict }: ConflictError): void {
  if (!log.isEnabledFor("debug")) return;
  const { oid, className, read, committed } = conflict;
  const about = [
    `oid 0x${hex(oid)}`,
    ...className === undefined ? [] : [`class ${className}`],
    `serial this txn started with ${serial(read)}`,
    `serial currently committed ${serial(committed)}`,
  ];
  const text = `${message} (${about.join(", ")})`;
  log.debug("({label}) conflict error {text}", { label, text, blather: true });
}

/** A number of eight bytes without those in front that are zero; one stays. */
function hex(id: Oid | Tid): string {
  const digits = id.toString(16);
  return digits.padStart(digits.length + digits.length % 2, "0");
}

function serial(tid: Tid): string {
  // Microseconds: a date has milliseconds.
  const time = tidTime(tid);
  const date = new Date(time).toISOString().slice(0, 19).replace("T", " ");
  const micros = Math.floor((time - Math.floor(time / 1000) * 1000) * 1000 + 0.5);
  return `0x${hex(tid)} ${date}.${String(Math.min(micros, 999_999)).padStart(6, "0")}`;
}
