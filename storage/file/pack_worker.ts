/**
 * The thread that packs. It is started for one pack and has nothing to do with anything else.
 *
 * @module
 */

import { realDisk } from "../disk.ts";
import { PackEngine } from "./pack_engine.ts";
import { failureOf, type PackMessage, type PackRequest, PackStopped } from "./pack_messages.ts";
import { Pace } from "./pack_pace.ts";
import { packReferences } from "./pack_references.ts";

/** Milliseconds between two reports. */
const REPORT_EVERY = 100;

interface WorkerScope {
  onmessage: ((event: MessageEvent<PackRequest>) => void) | null;
  postMessage(message: PackMessage, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;
let engine: PackEngine | undefined;

function open(request: PackRequest & { call: "open" }): void {
  let told = -Infinity, stage = "";
  const pace = new Pace((progress) => {
    const now = performance.now();
    if (progress.stage === stage && now - told < REPORT_EVERY) return;
    told = now;
    stage = progress.stage;
    scope.postMessage({ kind: "progress", progress });
  }, () => {
    if (Atomics.load(request.stop, 0) !== 0) throw new PackStopped("told to stop");
    return undefined;
  });
  engine = new PackEngine(request.job, realDisk, packReferences, pace);
}

async function answer(request: PackRequest): Promise<unknown> {
  if (request.call === "open") return open(request);
  if (!engine) throw new Error(`"${request.call}" came before "open"`);
  if (request.call === "parts") {
    return await engine.parts((part) => {
      const buffers: ArrayBuffer[] = [part.positions.buffer];
      if (part.sparse) {
        buffers.push(part.sparse.highs.buffer, part.sparse.lows.buffer, part.sparse.positions.buffer);
      }
      scope.postMessage({ kind: "part", part }, buffers);
    });
  }
  const method = engine[request.call] as (...args: readonly unknown[]) => unknown;
  return await method.apply(engine, [...request.args]);
}

scope.onmessage = async ({ data }) => {
  try {
    scope.postMessage({ kind: "answer", value: await answer(data) });
  } catch (error) {
    scope.postMessage({ kind: "failed", failure: failureOf(error) });
  }
};
scope.postMessage({ kind: "ready" });
