/**
 * `dateformat`: C's strftime directives, in local time and English.
 *
 * Understood: %a %A %b %B %c %C %d %D %e %F %g %G %h %H %I %j %k %l %m %M %n %p %P %r %R %s %S %t %T %u %U %V %w
 * %W %x %X %y %Y %z %Z %%, with the flags `-` (no padding), `_` (spaces), `0` (zeros), `^` (upper case). Anything
 * else stays as it is written, as the C library does it.
 *
 * @module
 */

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const DAY = 86_400_000;

/** A directive's value: a number with its width and usual padding, or text. */
type Directive = (date: Date) => string | readonly [value: number, width: number, padding?: string];

const DIRECTIVES: Readonly<Record<string, Directive>> = {
  a: (date) => DAYS[date.getDay()].slice(0, 3),
  A: (date) => DAYS[date.getDay()],
  b: (date) => MONTHS[date.getMonth()].slice(0, 3),
  B: (date) => MONTHS[date.getMonth()],
  c: (date) => formatTime(date, "%a %b %e %H:%M:%S %Y"),
  C: (date) => [Math.floor(date.getFullYear() / 100), 2],
  d: (date) => [date.getDate(), 2],
  D: (date) => formatTime(date, "%m/%d/%y"),
  e: (date) => [date.getDate(), 2, " "],
  F: (date) => formatTime(date, "%Y-%m-%d"),
  g: (date) => [isoWeek(date).year % 100, 2],
  G: (date) => [isoWeek(date).year, 4],
  h: (date) => MONTHS[date.getMonth()].slice(0, 3),
  H: (date) => [date.getHours(), 2],
  I: (date) => [hour12(date), 2],
  j: (date) => [dayOfYear(date) + 1, 3],
  k: (date) => [date.getHours(), 2, " "],
  l: (date) => [hour12(date), 2, " "],
  m: (date) => [date.getMonth() + 1, 2],
  M: (date) => [date.getMinutes(), 2],
  n: () => "\n",
  p: (date) => date.getHours() < 12 ? "AM" : "PM",
  P: (date) => date.getHours() < 12 ? "am" : "pm",
  r: (date) => formatTime(date, "%I:%M:%S %p"),
  R: (date) => formatTime(date, "%H:%M"),
  s: (date) => [Math.floor(date.getTime() / 1000), 1],
  S: (date) => [date.getSeconds(), 2],
  t: () => "\t",
  T: (date) => formatTime(date, "%H:%M:%S"),
  u: (date) => [date.getDay() || 7, 1],
  U: (date) => [Math.floor((dayOfYear(date) + 7 - date.getDay()) / 7), 2],
  V: (date) => [isoWeek(date).week, 2],
  w: (date) => [date.getDay(), 1],
  W: (date) => [Math.floor((dayOfYear(date) + 7 - ((date.getDay() + 6) % 7)) / 7), 2],
  x: (date) => formatTime(date, "%m/%d/%y"),
  X: (date) => formatTime(date, "%H:%M:%S"),
  y: (date) => [date.getFullYear() % 100, 2],
  Y: (date) => [date.getFullYear(), 1],
  z: offset,
  Z: zoneName,
  "%": () => "%",
};

/**
 * A moment in local time, as a strftime format says it.
 *
 * @example
 * ```ts
 * import { formatTime } from "./log_time.ts";
 *
 * formatTime(new Date(2026, 0, 31, 9, 5), "%d %b %Y %H:%M"); // "31 Jan 2026 09:05"
 * ```
 */
export function formatTime(date: Date, format: string): string {
  return format.replace(/%([-_0^]*)([a-zA-Z%])/g, (written, flags: string, letter: string) => {
    const directive = DIRECTIVES[letter];
    if (directive === undefined) return written;
    const value = directive(date);
    if (typeof value === "string") return flags.includes("^") ? value.toUpperCase() : value;
    const [number, width, usual = "0"] = value;
    if (flags.includes("-")) return String(number);
    const padding = flags.includes("_") ? " " : flags.includes("0") ? "0" : usual;
    return String(number).padStart(width, padding);
  });
}

function hour12(date: Date): number {
  return date.getHours() % 12 || 12;
}

/** Days since the first of January; through UTC, since a local day can have 23 or 25 hours. */
function dayOfYear(date: Date): number {
  const year = date.getFullYear();
  return (Date.UTC(year, date.getMonth(), date.getDate()) - Date.UTC(year, 0, 1)) / DAY;
}

/** ISO 8601: weeks start on Monday, and belong to the year that their Thursday is in. */
function isoWeek(date: Date): { year: number; week: number } {
  const weekday = (date.getDay() + 6) % 7;
  const thursday = new Date(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate() - weekday + 3));
  const year = thursday.getUTCFullYear();
  return { year, week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / DAY / 7) + 1 };
}

function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const absolute = Math.abs(minutes);
  const hours = Math.floor(absolute / 60).toString().padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${hours}${(absolute % 60).toString().padStart(2, "0")}`;
}

function zoneName(date: Date): string {
  // American English abbreviates American zones and British English European ones; the other gets "GMT+1".
  const names = ["en-US", "en-GB"].map((language) =>
    new Intl.DateTimeFormat(language, { timeZoneName: "short" }).formatToParts(date)
      .find((part) => part.type === "timeZoneName")?.value ?? ""
  );
  const name = names.find((name) => /^[A-Z]+$/.test(name));
  return name ?? offset(date);
}
