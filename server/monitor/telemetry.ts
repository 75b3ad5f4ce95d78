/**
 * The same measurements for OpenTelemetry, and a span for each transaction of a client.
 *
 *   commit  tpc_begin ─────────────────────────────────────────────▶ its end
 *     lock wait              vote ──▶ it has its objects
 *     finish                              tpc_finish ──────────────▶ durable and visible
 *       fsync                                   ───────────▶
 *
 * Deno has it built in: `OTEL_DENO=true deno run …` exports it, and where it is not switched on none of this is even
 * loaded. A program of its own that has registered OpenTelemetry before it starts the server gets the same.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { formatTid } from "../../values/mod.ts";
import { ClientLabels } from "./client_labels.ts";
import { EventLoopLag } from "./event_loop.ts";
import { instrument } from "./instruments.ts";
import type { CommitObserver, CommitTrace, Watched } from "./measures.ts";
import type { Moment } from "./metric.ts";

const log = getLogger(["zeo", "server", "monitor"]);

type Api = typeof import("@opentelemetry/api");

/** Under this name OpenTelemetry's providers are registered, whoever brings them. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/** Whether anybody takes what is told. It needs no permission to know that. */
function isOn(): boolean {
  const registry = (globalThis as { [REGISTRY]?: { trace?: unknown; metrics?: unknown } })[REGISTRY];
  return registry?.trace !== undefined || registry?.metrics !== undefined;
}

/**
 * Tells OpenTelemetry of a server, if it is switched on.
 * @returns What ends that; undefined when it isn't switched on.
 */
export async function startTelemetry(server: Watched): Promise<Disposable | undefined> {
  if (!isOn()) return undefined;
  const api = await import("@opentelemetry/api");
  const ending = new DisposableStack();
  const lag = ending.use(new EventLoopLag());
  const labels = new ClientLabels();
  const moment = (): Moment => ({ server: server.measure(), lag, labels, memory: Deno.memoryUsage() });
  ending.adopt(instrument(api.metrics.getMeter("zeo"), moment), (end) => end());
  const tell = spans(api);
  const observer: CommitObserver = (transaction) => {
    try {
      tell(transaction);
    } catch (error) {
      // Whoever commits must not suffer from who measures.
      server.observer = undefined;
      log.error`transactions are not told to OpenTelemetry any more: ${String(error)}`;
    }
  };
  server.observer = observer;
  ending.defer(() => {
    if (server.observer === observer) server.observer = undefined;
  });
  return ending;
}

/** Makes spans of transactions. They are made when all is over, so nothing is held meanwhile. */
function spans({ trace, context, SpanStatusCode }: Api): CommitObserver {
  const tracer = trace.getTracer("zeo");
  const span = (name: string, [start, end]: readonly [number, number], inside = context.active()) => {
    const made = tracer.startSpan(name, { startTime: performance.timeOrigin + start }, inside);
    return { made, end: () => made.end(performance.timeOrigin + end) };
  };
  return (transaction: CommitTrace) => {
    const { storage, outcome, tid, objects, bytes, begin, vote, locked, finish, sync, end, error } =
      transaction;
    const whole = span("commit", [begin, end]);
    whole.made.setAttributes({ "zeo.storage": storage, "zeo.outcome": outcome });
    whole.made.setAttributes({ "zeo.objects": objects, "zeo.bytes": bytes });
    if (tid !== undefined) whole.made.setAttribute("zeo.tid", formatTid(tid));
    if (outcome === "failed" || outcome === "conflict") {
      whole.made.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    }
    const inside = trace.setSpan(context.active(), whole.made);
    if (vote !== undefined) span("lock wait", [vote, locked ?? end], inside).end();
    if (finish !== undefined) {
      const finishing = span("finish", [finish, end], inside);
      if (sync) span("fsync", sync, trace.setSpan(inside, finishing.made)).end();
      finishing.end();
    }
    whole.end();
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
