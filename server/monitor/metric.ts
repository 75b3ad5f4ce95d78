/**
 * What a metric is, and how the usual kinds are made.
 *
 * @module
 */

import type { StorageStatistics } from "../../storage/mod.ts";
import type { Histogram } from "../../values/mod.ts";
import type { ClientLabels } from "./client_labels.ts";
import type { EventLoopLag } from "./event_loop.ts";
import type { ServerMeasures, StorageMeasures } from "./measures.ts";

/** Everything at one moment. */
export interface Moment {
  readonly server: ServerMeasures;
  readonly lag: EventLoopLag;
  readonly labels: ClientLabels;
  readonly memory: Deno.MemoryUsage;
}

/** Names and values that tell samples of one metric apart. */
export type Labels = Readonly<Record<string, string>>;

/** One value of a metric. */
export interface Sample<T> {
  readonly labels: Labels;
  readonly value: T;
}

/** What a metric is, without its values. */
interface Description {
  /** Its name without prefix, unit and `_total`. */
  readonly name: string;
  /** What it says, as a sentence. */
  readonly help: string;
  /** Of what; empty for a plain number. */
  readonly unit: "" | "seconds" | "bytes";
}

/** A number that only goes up, or one that goes both ways. */
export interface NumberMetric extends Description {
  readonly type: "counter" | "gauge";
  readonly samples: (moment: Moment) => Sample<number>[];
}

/** A distribution. */
export interface HistogramMetric extends Description {
  readonly type: "histogram";
  readonly samples: (moment: Moment) => Sample<Histogram>[];
}

/** See the module. */
export type Metric = NumberMetric | HistogramMetric;

type NumberOf<T> = (from: T) => number | boolean | undefined;

/** A metric of the whole server. */
export function server(
  type: NumberMetric["type"],
  name: string,
  unit: Metric["unit"],
  help: string,
  value: NumberOf<Moment>,
): NumberMetric {
  return { name, help, unit, type, samples: (moment) => sample({}, numberOf(value(moment))) };
}

/** A metric of each storage; a storage has no sample where the value is undefined. */
export function storage(
  type: NumberMetric["type"],
  name: string,
  unit: Metric["unit"],
  help: string,
  value: NumberOf<StorageMeasures>,
): NumberMetric {
  const samples = ({ server }: Moment) =>
    server.storages.flatMap((measures) => sample({ storage: measures.id }, numberOf(value(measures))));
  return { name, help, unit, type, samples };
}

/** The same of what the storage itself measures, where it does. */
export function inner(
  type: NumberMetric["type"],
  name: string,
  unit: Metric["unit"],
  help: string,
  value: NumberOf<StorageStatistics>,
): NumberMetric {
  return storage(type, name, unit, help, ({ storage }) => storage && value(storage));
}

/** How long something takes in each storage that has it. */
export function times(
  name: string,
  help: string,
  histogram: (measures: StorageMeasures) => Histogram | undefined,
): HistogramMetric {
  const samples = ({ server }: Moment) =>
    server.storages.flatMap((measures) => sample({ storage: measures.id }, histogram(measures)));
  return { name, help, unit: "seconds", type: "histogram", samples };
}

/** A condition is 1 where it is so. */
function numberOf(value: number | boolean | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function sample<T>(labels: Labels, value: T | undefined): Sample<T>[] {
  return value === undefined ? [] : [{ labels, value }];
}
