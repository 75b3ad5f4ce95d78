/**
 * Whether a server does what it is there for.
 *
 * @module
 */

import type { StorageMeasures, Watched } from "./measures.ts";

/** Whether a storage does. */
export interface StorageReadiness {
  readonly ready: boolean;
  readonly readOnly: boolean;
  /** Why not; not there when it does. */
  readonly reason?: string;
}

/** Whether a server does. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not; not there when it does. */
  readonly reason?: string;
  readonly storages: Readonly<Record<string, StorageReadiness>>;
}

/** Asks a server. */
export function readinessOf(server: Watched): Readiness {
  if (server.state !== "serving") return { ready: false, reason: "shutting down", storages: {} };
  let measured: StorageMeasures[];
  try {
    measured = server.measureStorages();
  } catch (error) {
    // One that can't even say how big it is, as it is not open any more.
    return { ready: false, reason: error instanceof Error ? error.message : String(error), storages: {} };
  }
  const storages = measured.map(({ id, readOnly, fault }) =>
    [id, { ready: fault === undefined, readOnly, reason: fault }] as const
  );
  const [bad] = storages.filter(([, { ready }]) => !ready);
  return {
    ready: bad === undefined,
    reason: bad && `storage ${bad[0]}: ${bad[1].reason}`,
    storages: Object.fromEntries(storages),
  };
}
