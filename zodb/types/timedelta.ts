/**
 * Python's `datetime.timedelta` and `datetime.timezone`.
 *
 * @module
 */

import { ValueObject } from "./value_object.ts";

const DAY_SECONDS = 86_400;

/** Python's `datetime.timedelta`: a span of time, exact to the microsecond. */
export class TimeDelta extends ValueObject {
  /** Days, negative for a negative span. */
  readonly days: number;
  /** Seconds beyond the days, 0 to 86,399. */
  readonly seconds: number;
  /** Microseconds beyond the seconds, 0 to 999,999. */
  readonly microseconds: number;

  /** A span; parts out of their ranges carry over. */
  constructor(days: number, seconds = 0, microseconds = 0) {
    super();
    const carried = seconds + Math.floor(microseconds / 1e6);
    this.microseconds = microseconds - Math.floor(microseconds / 1e6) * 1e6;
    this.days = days + Math.floor(carried / DAY_SECONDS);
    this.seconds = carried - Math.floor(carried / DAY_SECONDS) * DAY_SECONDS;
  }

  /** A span of so many milliseconds. */
  static fromMilliseconds(milliseconds: number): TimeDelta {
    return new TimeDelta(0, 0, Math.round(milliseconds * 1000));
  }

  /** The span in milliseconds, with fractions. */
  get milliseconds(): number {
    return (this.days * DAY_SECONDS + this.seconds) * 1000 + this.microseconds / 1000;
  }

  /** Milliseconds, so that spans can be compared and added to dates. */
  override valueOf(): number {
    return this.milliseconds;
  }

  /** Its text. */
  override toString(): string {
    const two = (value: number) => String(value).padStart(2, "0");
    const { seconds } = this;
    const days = this.days === 0 ? "" : `${this.days} day${Math.abs(this.days) === 1 ? "" : "s"}, `;
    const fraction = this.microseconds ? `.${String(this.microseconds).padStart(6, "0")}` : "";
    return `${days}${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${
      two(seconds % 60)
    }${fraction}`;
  }
}

/** Python's `datetime.timezone`: a fixed distance from UTC. */
export class TimeZone extends ValueObject {
  /** UTC itself. */
  static readonly utc: TimeZone = new TimeZone(new TimeDelta(0));

  /** A zone. @param label Its name, where it has one of its own. */
  constructor(readonly offset: TimeDelta, readonly label?: string) {
    super();
  }

  /** Whether it is as far from UTC. */
  override isSameKey(other: ValueObject): boolean {
    return other instanceof TimeZone && other.offset.isSameKey(this.offset);
  }

  /** Its text. */
  override toString(): string {
    if (this.label !== undefined) return this.label;
    const { milliseconds } = this.offset;
    if (milliseconds === 0) return "UTC";
    const span = milliseconds < 0 ? TimeDelta.fromMilliseconds(-milliseconds) : this.offset;
    const [hours, ...rest] = span.toString().split(":");
    return `UTC${milliseconds < 0 ? "-" : "+"}${hours.padStart(2, "0")}:${
      rest.join(":").replace(/:00$/, "")
    }`;
  }
}
