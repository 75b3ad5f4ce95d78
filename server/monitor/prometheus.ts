/**
 * Metrics as Prometheus reads them, text format 0.0.4.
 *
 *   # HELP zeo_loads_total Records loaded by clients.
 *   # TYPE zeo_loads_total counter
 *   zeo_loads_total{storage="1"} 42
 *
 * @module
 */

import type { Histogram } from "../../values/mod.ts";
import type { Labels, Metric, Moment } from "./metric.ts";
import { METRICS } from "./metrics.ts";

/** What a monitor says the text is. */
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** All metrics at a moment. */
export function prometheusText(moment: Moment): string {
  const lines: string[] = [];
  for (const metric of METRICS) {
    const name = prometheusName(metric);
    lines.push(`# HELP ${name} ${escapeHelp(metric.help)}`, `# TYPE ${name} ${metric.type}`);
    if (metric.type === "histogram") {
      for (const { labels, value } of metric.samples(moment)) addHistogram(lines, name, labels, value);
    } else {
      for (const { labels, value } of metric.samples(moment)) lines.push(line(name, labels, value));
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A metric's whole name: prefix, name, unit, and `_total` for what only goes up. */
function prometheusName({ name, unit, type }: Metric): string {
  return `zeo_${name}${unit === "" ? "" : `_${unit}`}${type === "counter" ? "_total" : ""}`;
}

function addHistogram(lines: string[], name: string, labels: Labels, histogram: Histogram): void {
  let count = 0;
  for (const [range, bound] of [...histogram.bounds, Infinity].entries()) {
    count += histogram.counts[range];
    lines.push(line(`${name}_bucket`, { ...labels, le: numeral(bound) }, count));
  }
  lines.push(line(`${name}_sum`, labels, histogram.sum), line(`${name}_count`, labels, count));
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${numeral(value)}`;
}

function numeral(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
