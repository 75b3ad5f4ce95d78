/**
 * The metrics as instruments of OpenTelemetry: numbers are asked for when they are exported, distributions are told
 * as they come.
 *
 * @module
 */

import type { Attributes, BatchObservableResult, Meter, Observable } from "@opentelemetry/api";
import { getLogger } from "@logtape/logtape";
import type { Histogram } from "../../values/mod.ts";
import type { Metric, Moment, NumberMetric } from "./metric.ts";
import { METRICS } from "./metrics.ts";

const log = getLogger(["zeo", "server", "monitor"]);

const UNITS: Readonly<Record<Metric["unit"], string | undefined>> = {
  "": undefined,
  bytes: "By",
  seconds: "s",
};

/**
 * Makes the instruments.
 * @param moment Measures everything.
 * @returns What ends them.
 */
export function instrument(meter: Meter, moment: () => Moment): () => void {
  const endings = METRICS.map((metric) =>
    metric.type === "histogram" ? follow(meter, metric, metric.samples(moment())) : () => {}
  );
  const numbers = METRICS.filter((metric): metric is NumberMetric => metric.type !== "histogram");
  const observed = numbers.map((metric) => ({ metric, observable: observableOf(meter, metric) }));
  const observe = (result: BatchObservableResult): void => {
    // Once for all of them.
    const now = moment();
    for (const { metric, observable } of observed) {
      for (const { labels, value } of metric.samples(now)) result.observe(observable, value, { ...labels });
    }
  };
  const observables = observed.map(({ observable }) => observable);
  meter.addBatchObservableCallback(observe, observables);
  return () => {
    meter.removeBatchObservableCallback(observe, observables);
    for (const end of endings) end();
  };
}

function observableOf(meter: Meter, { name, help, unit, type }: NumberMetric): Observable {
  const options = { description: help, unit: UNITS[unit] };
  return type === "counter"
    ? meter.createObservableCounter(`zeo.${name}`, options)
    : meter.createObservableGauge(`zeo.${name}`, options);
}

/** Has histograms tell of each value. */
function follow(
  meter: Meter,
  { name, help, unit }: Metric,
  samples: readonly { readonly labels: Attributes; readonly value: Histogram }[],
): () => void {
  const instrument = meter.createHistogram(`zeo.${name}`, {
    description: help,
    unit: UNITS[unit],
    advice: { explicitBucketBoundaries: samples[0] && [...samples[0].value.bounds] },
  });
  for (const { labels, value } of samples) {
    value.listener = (seconds) => {
      try {
        instrument.record(seconds, labels);
      } catch (error) {
        // Whoever commits must not suffer from who measures.
        value.listener = undefined;
        log.error`${name}: not told to OpenTelemetry any more: ${String(error)}`;
      }
    };
  }
  return () => {
    for (const { value } of samples) value.listener = undefined;
  };
}
