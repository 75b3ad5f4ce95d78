/**
 * Packing for clients.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { toNumber, type Value } from "../pickle/mod.ts";
import { truthy } from "../protocol/mod.ts";
import { type Packable, supportsPack } from "../storage/mod.ts";
import { missingMethod } from "./missing_method.ts";
import type { Session } from "./session.ts";

const log = getLogger(["zeo", "server"]);

/**
 * `pack(time, wait=1)`: packs the storage, also for a client that may not change anything. Without waiting the answer
 * comes at once, and what goes wrong is only in the log.
 *
 * @throws {TypeError} when the time is no number.
 */
export async function pack(session: Session, [time, wait]: readonly Value[]): Promise<Value> {
  const { storage } = session.served;
  if (!supportsPack(storage)) {
    throw missingMethod(storage, "pack");
  }
  const moment = toNumber(time);
  if (!Number.isFinite(moment)) throw new TypeError(`pack time ${moment}: expected seconds since 1970`);
  const waits = wait === undefined || truthy(wait);
  const packing = run(session, storage, moment);
  if (waits) await packing;
  else packing.catch((error) => log.error`(${session.label}) pack(time=${moment}) failed: ${String(error)}`);
  return null;
}

async function run(session: Session, storage: Packable, time: number): Promise<void> {
  const { served, label } = session;
  log.info`(${label}) pack(time=${time}) started...`;
  await storage.pack(time);
  log.info`(${label}) pack(time=${time}) complete`;
  // The clients count on the sizes; whoever waits has them before the answer. One that left meanwhile is not asked.
  for (const other of served.sessions) other.tellSizes();
}
