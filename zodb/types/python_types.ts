/**
 * Python's types that are written as a call of their class: how each is told in a pickle, both ways.
 *
 *   set          builtins.set([…])                    datetime    datetime.datetime(10 bytes[, zone])
 *   frozenset    builtins.frozenset([…])              date time   datetime.date(4 bytes), .time(6 bytes[, zone])
 *   complex      builtins.complex(real, imaginary)    timedelta   datetime.timedelta(days, seconds, microseconds)
 *   Decimal      decimal.Decimal(text)                timezone    datetime.timezone(timedelta[, name])
 *   UUID         uuid.UUID.__new__() + {"int": …}
 *
 * What looks like one of these but isn't in that form is left as it is.
 *
 * @module
 */

import { Float, Global, Instance, Tuple as PickledTuple, type Value } from "../../pickle/mod.ts";
import { Complex, Decimal } from "./decimal.ts";
import {
  dateBytes,
  dateFromBytes,
  DateTime,
  dateTimeBytes,
  dateTimeFromBytes,
  PlainDate,
  PlainTime,
  timeBytes,
  timeFromBytes,
} from "./datetime.ts";
import { TimeDelta, TimeZone } from "./timedelta.ts";
import { UUID } from "./uuid.ts";

/** The value that an instance stands for; undefined when it is none of these types. */
export function fromInstance(instance: Instance, convert: (value: Value) => unknown): unknown {
  if (!(instance.class instanceof Global)) return undefined;
  const { module, name } = instance.class;
  if (module === "uuid" && name === "UUID") return uuidOf(instance);
  if (instance.by !== "REDUCE" || instance.state !== undefined || instance.dictItems || instance.listItems) {
    return undefined;
  }
  return readers[`${module}.${name}`]?.(instance.args.items, convert);
}

type Reader = (args: readonly Value[], convert: (value: Value) => unknown) => unknown;

const readers: Readonly<Record<string, Reader>> = {
  "builtins.complex": (args) => {
    const [real, imaginary] = args.map(floatOf);
    if (args.length === 2 && real !== undefined && imaginary !== undefined) {
      return new Complex(real, imaginary);
    }
  },
  "decimal.Decimal": ([text, ...more]) => {
    if (typeof text === "string" && more.length === 0) return new Decimal(text);
  },
  "datetime.date": ([bytes, ...more]) => {
    if (isBytes(bytes, 4) && more.length === 0) return dateFromBytes(bytes);
  },
  "datetime.time": ([bytes, zone = null, ...more], convert) => {
    if (isBytes(bytes, 6) && more.length === 0) return timeFromBytes(bytes, convert(zone));
  },
  "datetime.datetime": ([bytes, zone = null, ...more], convert) => {
    if (isBytes(bytes, 10) && more.length === 0) return dateTimeFromBytes(bytes, convert(zone));
  },
  "datetime.timedelta": (args) => {
    const [days, seconds, microseconds] = args;
    if (args.length === 3 && isInt(days) && isInt(seconds) && isInt(microseconds)) {
      return new TimeDelta(days, seconds, microseconds);
    }
  },
  "datetime.timezone": ([delta, label, ...more], convert) => {
    const offset = delta === undefined ? undefined : convert(delta);
    if (!(offset instanceof TimeDelta) || more.length > 0) return;
    if (label === undefined) return new TimeZone(offset);
    if (typeof label === "string") return new TimeZone(offset, label);
  },
};

function uuidOf({ by, args, state }: Instance): UUID | undefined {
  const items = state !== null && typeof state === "object" && "flat" in state ? state.flat() as Value[] : [];
  if (by !== "NEWOBJ" || args.length > 0 || items.length !== 2 || items[0] !== "int") return undefined;
  const integer = items[1];
  return typeof integer === "number" || typeof integer === "bigint" ? new UUID(BigInt(integer)) : undefined;
}

const isInt = (value: Value): value is number => typeof value === "number" && Number.isInteger(value);
const isBytes = (value: Value, length: number): value is Uint8Array =>
  value instanceof Uint8Array && value.length === length;
const floatOf = (value: Value) =>
  value instanceof Float ? value.value : typeof value === "number" ? value : undefined;

/** How a value is written; undefined when it is none of these types. */
export function toInstance(value: object, convert: (value: unknown) => Value): Instance | undefined {
  if (value instanceof Date) {
    const zone = value instanceof DateTime ? value.zone : TimeZone.utc;
    const bytes = value instanceof DateTime
      ? dateTimeBytes(value.wallTime, value.microsecond)
      : dateTimeBytes(value.getTime(), 0);
    return call("datetime", "datetime", zone === null ? [bytes] : [bytes, convert(zone)]);
  }
  if (value instanceof PlainDate) return call("datetime", "date", [dateBytes(value)]);
  if (value instanceof PlainTime) {
    const bytes = timeBytes(value);
    return call("datetime", "time", value.zone === null ? [bytes] : [bytes, convert(value.zone)]);
  }
  if (value instanceof TimeDelta) {
    return call("datetime", "timedelta", [value.days, value.seconds, value.microseconds]);
  }
  if (value instanceof TimeZone) {
    const { offset, label } = value;
    return call("datetime", "timezone", label === undefined ? [convert(offset)] : [convert(offset), label]);
  }
  if (value instanceof Decimal) return call("decimal", "Decimal", [value.text]);
  if (value instanceof Complex) {
    return call("builtins", "complex", [new Float(value.real), new Float(value.imaginary)]);
  }
  return undefined;
}

function call(module: string, name: string, args: Value[]): Instance {
  return new Instance("REDUCE", new Global(module, name), new PickledTuple(args));
}
