/**
 * `-X path/to/key=value`: values from the command line that take the place of those in the file.
 *
 * The path's parts name sections by type or by name, from the outside in. The first section that fits takes the value.
 * Values are taken as they are: no substitution.
 *
 * @module
 */

import { ConfigurationError } from "./errors.ts";
import type { ParsedKey, ParsedSection } from "./syntax.ts";

const KEY_NAME = /^[a-zA-Z][-._a-zA-Z0-9]*$/;

interface Override {
  readonly option: string;
  readonly sections: readonly string[];
  readonly key: ParsedKey;
}

function parseOverride(option: string): Override {
  const position = { file: `-X ${option}`, line: 0 };
  const equals = option.indexOf("=");
  if (equals < 0) {
    throw new ConfigurationError(position, "expected section/key=value, for example zeo/read-only=true");
  }
  const path = option.slice(0, equals).toLowerCase().split("/");
  const name = path.pop() ?? "";
  if (path.includes("") || !KEY_NAME.test(name)) {
    throw new ConfigurationError(position, "malformed path: expected section/key=value");
  }
  return { option, sections: path, key: { name, value: option.slice(equals + 1), position } };
}

function apply(section: ParsedSection, overrides: readonly Override[]): ParsedSection {
  const here = overrides.filter((override) => override.sections.length === 0).map(({ key }) => key);
  let deeper = overrides.filter((override) => override.sections.length > 0);
  const sections = section.sections.map((child) => {
    const fits = ({ sections }: Override) => sections[0] === child.type || sections[0] === child.name;
    const taken = deeper.filter(fits);
    deeper = deeper.filter((override) => !fits(override));
    const rest = taken.map((override) => ({ ...override, sections: override.sections.slice(1) }));
    return taken.length === 0 ? child : apply(child, rest);
  });
  for (const { option, sections: [missing] } of deeper) {
    throw new ConfigurationError(
      { file: `-X ${option}`, line: 0 },
      `there is no section "${missing}" in ${
        section.type === "" ? section.position.file : `<${section.type}>`
      }`,
    );
  }
  const replaced = new Set(here.map(({ name }) => name));
  const kept = section.keys.filter(({ name }) => !replaced.has(name));
  return { ...section, keys: [...kept, ...here], sections };
}

/** The section with the values of `-X` options. Throws {@link ConfigurationError} for one that fits nowhere. */
export function applyOverrides(root: ParsedSection, options: readonly string[]): ParsedSection {
  return options.length === 0 ? root : apply(root, options.map(parseOverride));
}
