/**
 * Moments as backups are named by them.
 *
 * @module
 */

import { UsageError } from "./command.ts";

const MOMENT = /^(\d{4})-(\d\d)-(\d\d)(?:-(\d\d)(?:-(\d\d)(?:-(\d\d))?)?)?$/;

/**
 * The moment `yyyy-mm-dd[-hh[-mm[-ss]]]`, UTC, with all its parts; what is left out is 0.
 *
 * @throws {UsageError} when it is none.
 */
export function parseMoment(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const match = MOMENT.exec(text);
  if (match) {
    const [year, month, day, hour, minute, second] = match.slice(1).map((part) => Number(part ?? 0));
    const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
    const whole = Number.isNaN(date.getTime())
      ? ""
      : date.toISOString().slice(0, 19).replaceAll(/[T:]/g, "-");
    // A date that isn't there, as the 31st of February, has become another.
    if (whole.startsWith(text)) return whole;
  }
  throw new UsageError(`--date ${JSON.stringify(text)}: expected yyyy-mm-dd[-hh[-mm[-ss]]], UTC`);
}
