/**
 * The layout's rules, as functions from files to the lines of a report. An empty report is a pass.
 *
 *   layer 6   mod.ts server.ts client.ts scripts/
 *         5   zodb/
 *         4   config/
 *         3   server/ client/
 *         2   storage/ cache/
 *         1   protocol/
 *         0   pickle/ values/           pickle/ may use values/
 *
 * A folder is a room and its `mod.ts` the door. Imports go down, and through doors. Tests, benchmarks and examples
 * stand beside the house: they may use every door, `tests/<room>/` every file of that room, and nothing may import them.
 *
 * @module
 */

/** A file of the repository. */
export interface RepositoryFile {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** One import between two files of the repository. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

const LAYERS: Readonly<Record<string, number>> = {
  "deno.json": 0,
  values: 0,
  pickle: 0,
  protocol: 1,
  storage: 2,
  cache: 2,
  server: 3,
  client: 3,
  config: 4,
  zodb: 5,
  scripts: 6,
  "mod.ts": 6,
  "server.ts": 6,
  "client.ts": 6,
};

/** Arrows that stay on a layer and are meant to. The doors of the house may use each other. */
const LEVEL_ARROWS = ["pickle → values"];
const TOP = 6;

const BESIDE_THE_HOUSE = ["tests", "bench", "examples"];

/** The room that a file is in; a file at the root is a room of its own. */
export function roomOf(path: string): string {
  return path.split("/")[0];
}

/**
 * Imports of a file that lead to files of the repository: `import`, `export … from` and `import("…")`, types too, and
 * in the house `new URL("….ts", import.meta.url)`, which is what a worker is started with.
 *
 * Statements are found where the formatter leaves them, at the start of a line.
 *
 * @param aliases Bare names that stand for files here, for example `{"@zeo/zeo": "mod.ts"}`.
 */
export function arrowsOf(file: RepositoryFile, aliases: Readonly<Record<string, string>> = {}): Arrow[] {
  const patterns = [
    /^(?:import|export)\s(?:[^;'"`]*?\sfrom\s+)?["']([^"'\n]+)["']/gm,
    /^(?!\s*(?:\*|\/\/)).*?\bimport\(\s*["'`]([^"'`\n$]+)["'`]/gm,
  ];
  if (roomOf(file.path) in LAYERS) {
    patterns.push(/^(?!\s*(?:\*|\/\/)).*?\bnew URL\(\s*["'`]([^"'`\n$]+\.ts)["'`],\s*import\.meta\.url/gm);
  }
  const arrows: Arrow[] = [];
  for (const pattern of patterns) {
    for (const match of file.text.matchAll(pattern)) {
      const specifier = match[1];
      const to = Object.hasOwn(aliases, specifier)
        ? aliases[specifier]
        : /^\.{1,2}\//.test(specifier)
        ? decodeURI(new URL(specifier, `file:///${file.path}`).pathname.slice(1))
        : undefined;
      if (to === undefined) continue;
      arrows.push({ from: file.path, to, line: file.text.slice(0, match.index).split("\n").length });
    }
  }
  return arrows;
}

/** What is wrong with each arrow on its own: upward, sideways, through a side entrance, out of the house. */
export function wrongArrows(arrows: readonly Arrow[]): string[] {
  const report: string[] = [];
  for (const arrow of arrows) {
    const from = roomOf(arrow.from);
    const to = roomOf(arrow.to);
    if (from === to) continue;
    const reason = arrowFault(arrow, from, to);
    if (reason !== undefined) report.push(`${arrow.from}:${arrow.line} imports ${arrow.to}: ${reason}`);
  }
  return report;
}

function arrowFault(arrow: Arrow, from: string, to: string): string | undefined {
  const fromBeside = BESIDE_THE_HOUSE.includes(from);
  if (BESIDE_THE_HOUSE.includes(to)) return fromBeside ? undefined : `only ${to} may use what is in ${to}/`;
  if (!(to in LAYERS)) return `there is no room called ${to}`;
  const isDoor = arrow.to === to || arrow.to === `${to}/mod.ts`;
  if (fromBeside) {
    if (isDoor || (from === "tests" && arrow.from.startsWith(`tests/${to}/`))) return undefined;
    return `side entrance, the door is ${to}/mod.ts`;
  }
  if (!(from in LAYERS)) return `there is no room called ${from}`;
  if (LAYERS[to] > LAYERS[from]) return `upward, from layer ${LAYERS[from]} to ${LAYERS[to]}`;
  if (LAYERS[to] === LAYERS[from] && LAYERS[to] !== TOP && !LEVEL_ARROWS.includes(`${from} → ${to}`)) {
    return `sideways, both are on layer ${LAYERS[to]}`;
  }
  return isDoor ? undefined : `side entrance, the door is ${to}/mod.ts`;
}

/** Cycles between rooms, each reported once. */
export function cycles(arrows: readonly Arrow[]): string[] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of arrows) {
    const [start, end] = [roomOf(from), roomOf(to)];
    if (start === end) continue;
    if (!next.has(start)) next.set(start, new Set());
    next.get(start)!.add(end);
  }
  const found = new Map<string, string>();
  const done = new Set<string>();
  const visit = (room: string, path: readonly string[]): void => {
    const start = path.indexOf(room);
    if (start >= 0) {
      const cycle = path.slice(start);
      found.set(cycle.toSorted().join(), `${[...cycle, room].join(" → ")}: a cycle`);
      return;
    }
    if (done.has(room)) return;
    for (const other of next.get(room) ?? []) visit(other, [...path, room]);
    done.add(room);
  };
  for (const room of next.keys()) visit(room, []);
  return [...found.values()];
}

/** Lines after which a file is asking to become two. */
export const LONGEST_FILE = 400;

/** Files whose names say nothing about what is in them. */
export function emptyNames(files: readonly RepositoryFile[]): string[] {
  return files
    .filter(({ path }) => /(^|[/_-])(utils?|helpers?|common|misc)(_test)?(\.[a-z]+|\/)/i.test(path))
    .map(({ path }) => `${path}: a name that says nothing; code lives where its noun lives`);
}

/** TypeScript files that are too long. */
export function longFiles(files: readonly RepositoryFile[]): string[] {
  return files.filter(isTypeScript)
    .map(({ path, text }) => ({ path, lines: text.replace(/\n$/, "").split("\n").length }))
    .filter(({ lines }) => lines > LONGEST_FILE)
    .map(({ path, lines }) => `${path}: ${lines} lines, the limit is ${LONGEST_FILE}`);
}

// Put together here, so that this file passes its own check.
const SILENCERS = ["ignore", "nocheck", "expect-error"].map((word) => `@ts-${word}`);
const LINT_SILENCER = ["deno", "lint", "ignore"].join("-");
const REGISTRIES = [
  ["registry", "npmjs", "org"],
  ["npmjs", "com"],
  ["jsr", "io"],
  ["pypi", "org"],
  ["pythonhosted", "org"],
  ["yarnpkg", "com"],
].map((labels) => labels.join("."));

/** Places where the type checker is told to look away. */
export function silencedChecks(files: readonly RepositoryFile[]): string[] {
  return mentions(files.filter(isTypeScript), SILENCERS, "repair the type instead");
}

/** Places where the linter is told to look away, and not why: the reason stands behind `--`. */
export function silencedLints(files: readonly RepositoryFile[]): string[] {
  return files.filter(isTypeScript).flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) =>
      line.includes(LINT_SILENCER) && !/ -- \S/.test(line) ? [`${path}:${index + 1}: without a reason`] : []
    )
  );
}

/** Places that name a package registry's host. */
export function registryHosts(files: readonly RepositoryFile[]): string[] {
  return mentions(files, REGISTRIES, "which registry is used is the machine's business");
}

function mentions(files: readonly RepositoryFile[], words: readonly string[], advice: string): string[] {
  const report: string[] = [];
  for (const { path, text } of files) {
    for (const word of words) {
      const index = text.indexOf(word);
      if (index < 0) continue;
      report.push(`${path}:${text.slice(0, index).split("\n").length} says ${word}: ${advice}`);
    }
  }
  return report;
}

/** Whether a file is TypeScript. */
export function isTypeScript({ path }: RepositoryFile): boolean {
  return /\.[mc]?tsx?$/.test(path);
}
