/**
 * A strict reader of Prometheus's text format 0.0.4: what a lenient one would let pass is an error here.
 *
 * @module
 */

/** One line with a value. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its help and type. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly series: Series[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const NUMBER = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN)$/;
const SERIES = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;

/** Reads a page. @throws {Error} that names the line. */
export function parsePrometheus(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line doesn't end");
  const families = new Map<string, Family>();
  const lines = text.slice(0, -1).split("\n");
  let family: Family | undefined, help: [string, string] | undefined;
  for (const [index, line] of lines.entries()) {
    const fail = (why: string): never => {
      throw new Error(`line ${index + 1}: ${why}: ${line}`);
    };
    const comment = line.match(/^# (HELP|TYPE) (\S+) (.*)$/);
    if (comment) {
      const [, kind, name, rest] = comment;
      if (!NAME.test(name)) fail("a bad name");
      if (kind === "HELP") {
        if (help) fail("a HELP without its TYPE before it");
        help = [name, unescape(rest, false) ?? fail("a bad escape")];
        continue;
      }
      if (help?.[0] !== name) fail("a TYPE without its HELP");
      if (families.has(name)) fail("said twice");
      if (rest !== "counter" && rest !== "gauge" && rest !== "histogram") fail("an unknown type");
      family = { name, help: help![1], type: rest as Family["type"], series: [] };
      if ((family.type === "counter") !== name.endsWith("_total")) fail("_total is for counters");
      families.set(name, family);
      help = undefined;
      continue;
    }
    const found = line.match(SERIES) ?? fail("neither a comment nor a value");
    const [, name, labels = "", number] = found;
    if (!family || help || !belongs(name, family)) fail("in the wrong place");
    if (!NUMBER.test(number)) fail("no number");
    family!.series.push({ name, labels: parseLabels(labels) ?? fail("bad labels"), value: numeral(number) });
  }
  for (const family of families.values()) check(family);
  return families;
}

function belongs(name: string, { name: family, type }: Family): boolean {
  return type === "histogram"
    ? ["_bucket", "_sum", "_count"].some((end) => name === family + end)
    : name === family;
}

function parseLabels(text: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const found = rest.match(/^([^=]*)="((?:[^"\\]|\\.)*)"(?:,(?=.)|$)/s);
    if (!found) return undefined;
    const [whole, name, escaped] = found;
    const value = unescape(escaped, true);
    if (!LABEL_NAME.test(name) || name in labels || value === undefined) return undefined;
    labels[name] = value;
    rest = rest.slice(whole.length);
  }
  return labels;
}

/** Undefined where there is an escape that the format doesn't have. */
function unescape(text: string, quotes: boolean): string | undefined {
  let plain = "";
  for (let place = 0; place < text.length; place++) {
    if (text[place] !== "\\") {
      plain += text[place];
      continue;
    }
    const next = text[++place];
    if (next === "n") plain += "\n";
    else if (next === "\\" || quotes && next === '"') plain += next;
    else return undefined;
  }
  return plain;
}

function numeral(text: string): number {
  return Number(text.replace("Inf", "Infinity"));
}

function check({ name, type, series }: Family): void {
  const keys = series.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()]));
  if (new Set(keys).size < keys.length) throw new Error(`${name}: the same series twice`);
  for (const { value, name } of series) {
    if (Number.isNaN(value)) throw new Error(`${name}: NaN`);
    if (type === "counter" && value < 0) throw new Error(`${name}: a counter below 0`);
  }
  if (type === "histogram") checkHistogram(name, series);
}

function checkHistogram(name: string, series: readonly Series[]): void {
  const groups = Map.groupBy(series, ({ labels: { le: _, ...others } }) => JSON.stringify(others));
  for (const [key, group] of groups) {
    const buckets = group.filter((one) => one.name === `${name}_bucket`);
    const [sum, count] = ["_sum", "_count"].map((end) => group.filter((one) => one.name === name + end));
    if (sum.length !== 1 || count.length !== 1) throw new Error(`${name} ${key}: one sum and one count`);
    let before = { le: -Infinity, value: 0 };
    for (const { labels, value } of buckets) {
      const le = NUMBER.test(labels.le) ? numeral(labels.le) : NaN;
      if (!(le > before.le)) throw new Error(`${name} ${key}: le ${labels.le} after ${before.le}`);
      if (value < before.value) {
        throw new Error(`${name} ${key}: le ${labels.le} counts less than the one before`);
      }
      before = { le, value };
    }
    if (before.le !== Infinity || before.value !== count[0].value) {
      throw new Error(`${name} ${key}: the last bucket is all of them`);
    }
  }
}

/** Numbers by what they are called: `zeo_loads_total{storage="1"}`. */
export class Numbers {
  readonly families: ReadonlyMap<string, Family>;

  constructor(text: string) {
    this.families = parsePrometheus(text);
  }

  /** The value of a series; undefined where there is none. */
  find(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = JSON.stringify(Object.entries(labels).sort());
    for (const { series } of this.families.values()) {
      for (const one of series) {
        if (one.name === name && JSON.stringify(Object.entries(one.labels).sort()) === wanted) {
          return one.value;
        }
      }
    }
  }

  /** The value of a series of storage "1". @throws {Error} when there is none. */
  of(name: string): number {
    const value = this.find(name, { storage: "1" }) ?? this.find(name);
    if (value === undefined) throw new Error(`no ${name}`);
    return value;
  }
}
