/**
 * What Python makes of formats and records (`make_log_cases.py` wrote it), and records to try it with.
 *
 * @module
 */

import type { FormatStyle } from "../../config/eventlog.ts";
import type { EventRecord } from "../../config/log_record.ts";
import cases from "../fixtures/log_cases.json" with { type: "json" };

export { cases };

/** A style's name from the fixture. */
export function styleOf(name: string): FormatStyle {
  if (name === "classic" || name === "format" || name === "template" || name === "safe-template") return name;
  throw new Error(`no such style: ${name}`);
}

/** One of the fixture's records. */
export function caseRecord(
  name: keyof typeof cases.records,
  changes: Partial<EventRecord> = {},
): EventRecord {
  const { name: logger, level, message } = cases.records[name];
  const { common } = cases;
  return {
    name: logger,
    level,
    message,
    created: common.created * 1000,
    sinceStart: common.relativeCreated,
    location: { path: common.pathname, line: common.lineno },
    functionName: common.funcName,
    process: common.process,
    thread: common.thread,
    properties: {},
    ...changes,
  };
}

/** Runs something in another time zone. */
export function inZone<Result>(zone: string, run: () => Result): Result {
  const before = Deno.env.get("TZ");
  Deno.env.set("TZ", zone);
  try {
    return run();
  } finally {
    if (before === undefined) Deno.env.delete("TZ");
    else Deno.env.set("TZ", before);
  }
}
