/**
 * Schemas as data: which keys and which sections a section may have, and what becomes of them.
 *
 * @module
 */

import { type Datatype, DatatypeError } from "./datatypes.ts";
import { ConfigurationError } from "./errors.ts";
import type { ConfigurationHost } from "./host.ts";
import { describeSection, type ParsedKey, type ParsedSection } from "./syntax.ts";

/** Turns a value of the file, or the text of a default, into what its datatype makes of it. */
export type Convert = <T>(datatype: Datatype<T>, value: ParsedKey | string) => T;

/** One key of a schema; `T` is what its values become. */
export interface KeySchema<T> {
  readonly repeatable: boolean;
  readonly required: boolean;
  /** Makes the result of the values in the file: at most one if not repeatable, at least one if required. */
  readonly read: (values: readonly ParsedKey[], convert: Convert) => T;
}

/** The keys of a section, by the names that they have in files. */
export type KeyTable = Readonly<Record<string, KeySchema<unknown>>>;

/** `read-only` as `readOnly`. */
export type CamelCase<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

/** What the keys of a table become. */
export type KeyValues<T extends KeyTable> = {
  [K in keyof T & string as CamelCase<K>]: T[K] extends KeySchema<infer V> ? V : never;
};

/** A key that must be there. */
export function required<T>(datatype: Datatype<T>): KeySchema<T> {
  return { repeatable: false, required: true, read: ([value], convert) => convert(datatype, value) };
}

/** A key without which the value is undefined. */
export function optional<T>(datatype: Datatype<T>): KeySchema<T | undefined> {
  return {
    repeatable: false,
    required: false,
    read: ([value], convert) => value === undefined ? undefined : convert(datatype, value),
  };
}

/** A key with the text that is read where it isn't there. */
export function withDefault<T>(datatype: Datatype<T>, text: string): KeySchema<T> {
  return {
    repeatable: false,
    required: false,
    read: ([value], convert) => convert(datatype, value ?? text),
  };
}

/** A key that is there once or more. */
export function several<T>(datatype: Datatype<T>): KeySchema<readonly T[]> {
  return {
    repeatable: true,
    required: true,
    read: (values, convert) => values.map((value) => convert(datatype, value)),
  };
}

/** An error about a section, where it starts. */
export function sectionError(section: ParsedSection, problem: string): ConfigurationError {
  return new ConfigurationError(section.position, problem, { section: describeSection(section) });
}

/** A key that may be repeated, or missing. */
export function anyNumber<T>(datatype: Datatype<T>): KeySchema<readonly T[]> {
  return { ...several(datatype), required: false };
}

/** An error about a key of a section. */
export function keyError(
  section: ParsedSection,
  { name, value, position }: ParsedKey,
  problem: string,
): ConfigurationError {
  const secret = name.includes("password");
  return new ConfigurationError(position, problem, {
    section: describeSection(section),
    key: name,
    value: secret ? undefined : value,
  });
}

function converter(section: ParsedSection, name: string, host: ConfigurationHost): Convert {
  return (datatype, value) => {
    if (typeof value === "string") return datatype.convert(value, host);
    try {
      return datatype.convert(value.value, host);
    } catch (error) {
      if (!(error instanceof DatatypeError)) throw error;
      const detail = error.message === "" ? "" : `; ${error.message}`;
      throw keyError(section, { ...value, name }, `expected ${datatype.expected}${detail}`);
    }
  };
}

function unknownKey(section: ParsedSection, key: ParsedKey, table: KeyTable): ConfigurationError {
  const names = Object.keys(table);
  const expected = names.length === 0 ? "no keys here, only sections" : `one of ${names.join(", ")}`;
  return keyError(section, key, `unknown key: expected ${expected}`);
}

/**
 * The values of a section's keys, under their names in camel case.
 *
 * Throws {@link ConfigurationError} for a key that is unknown, repeated, missing or has a value that doesn't fit.
 */
export function readKeys<T extends KeyTable>(
  section: ParsedSection,
  table: T,
  host: ConfigurationHost,
): KeyValues<T> {
  const found = new Map<string, ParsedKey[]>();
  for (const key of section.keys) {
    if (!Object.hasOwn(table, key.name)) throw unknownKey(section, key, table);
    const before = found.get(key.name) ?? [];
    if (before.length > 0 && !table[key.name].repeatable) {
      const { line } = before[0].position;
      throw keyError(section, key, `expected once only${line > 0 ? `; it is in line ${line} already` : ""}`);
    }
    found.set(key.name, [...before, key]);
  }
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(table)) {
    const keys = found.get(name) ?? [];
    if (schema.required && keys.length === 0) throw sectionError(section, `expected a key "${name}"`);
    const property = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    values[property] = schema.read(keys, converter(section, name, host));
  }
  return values as KeyValues<T>;
}

/** One kind of section that a section may have in it. */
export interface SectionSlot {
  /** What such a section is called in messages: "a storage section". */
  readonly noun: string;
  /** The types that may stand for it. */
  readonly types: readonly string[];
  /** How many there must be. */
  readonly least: 0 | 1;
  /** How many there may be. */
  readonly most: 1 | typeof Infinity;
}

/** The kinds of sections in a section, by a name for each. */
export type SectionTable = Readonly<Record<string, SectionSlot>>;

/** Packages, and the section types that are known only once `%import` has named them. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "ZConfig.components.basic": [],
  "ZConfig.components.logger": [],
  "ZEO": ["clientstorage"],
  "ZODB": [],
  "zc.beforestorage": ["before"],
  "zc.zlibstorage": ["zlibstorage", "serverzlibstorage"],
  "zdaemon": [],
};

/** The names that `%import` takes. */
export const PACKAGE_NAMES: ReadonlySet<string> = new Set(Object.keys(PACKAGES));

function checkImported(section: ParsedSection): void {
  for (const [name, types] of Object.entries(PACKAGES)) {
    if (types.includes(section.type) && !section.imported.has(name)) {
      throw sectionError(section, `unknown section: expected "%import ${name}" above it`);
    }
  }
}

function checkName(section: ParsedSection, named: Map<string, ParsedSection>): void {
  const { name } = section;
  if (name === undefined) return;
  if (name === "*" || name === "+") throw sectionError(section, `"${name}" can't be a name`);
  const other = named.get(name);
  if (other !== undefined) {
    throw sectionError(
      section,
      `expected another name: the section of line ${other.position.line} has this one`,
    );
  }
  named.set(name, section);
}

/**
 * The sections in a section, by kind.
 *
 * Throws {@link ConfigurationError} for a section that is unknown, doesn't belong here, is missing or one too many.
 */
export function readSections<T extends SectionTable>(
  section: ParsedSection,
  table: T,
): { readonly [K in keyof T]: readonly ParsedSection[] } {
  const slots = Object.entries(table);
  const found = new Map<string, ParsedSection[]>(slots.map(([kind]) => [kind, []]));
  const named = new Map<string, ParsedSection>();
  for (const child of section.sections) {
    checkImported(child);
    const [kind, slot] = slots.find(([, { types }]) => types.includes(child.type)) ?? [];
    if (kind === undefined || slot === undefined) {
      const types = slots.flatMap(([, { types }]) => types);
      const expected = types.length === 0
        ? "no sections here"
        : `one of ${types.map((t) => `<${t}>`).join(", ")}`;
      throw sectionError(child, `unknown section, or not one for this place: expected ${expected}`);
    }
    checkName(child, named);
    const list = found.get(kind) ?? [];
    if (list.length >= slot.most) {
      throw sectionError(
        child,
        `expected ${slot.noun} once only; it is in line ${list[0].position.line} already`,
      );
    }
    list.push(child);
  }
  for (const [kind, slot] of slots) {
    if ((found.get(kind)?.length ?? 0) < slot.least) {
      throw sectionError(section, `expected ${slot.noun}`);
    }
  }
  return Object.fromEntries(found) as { [K in keyof T]: ParsedSection[] };
}
