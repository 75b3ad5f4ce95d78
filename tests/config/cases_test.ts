/**
 * The same configurations and command lines, read by the original (`make_cases.py`) and by us.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  ConfigurationError,
  type ConfigurationHost,
  parseDatabaseConfiguration,
  parseServerCommandLine,
  type PathKind,
  resolveServerConfiguration,
  UsageError,
} from "../../config/mod.ts";
import { comparable, databaseValues, originalValues, serverValues } from "./original.ts";

interface Case {
  readonly group: string;
  readonly kind: "server" | "database";
  readonly text: string | null;
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly differs?: { readonly refused: boolean; readonly why: string };
  readonly refused?: true;
  readonly values?: Parameters<typeof originalValues>[0];
}

const cases: Case[] = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/config_cases.json", import.meta.url)),
);

/** The directory that the original was run in, without the directory. */
function hostOf({ text, files = {}, environment = {} }: Case): ConfigurationHost {
  const contents = new Map(Object.entries(files));
  if (text !== null) contents.set("zeo.conf", text);
  const variables = new Map([["HOME", "data"], ...Object.entries(environment)]);
  const tidy = (path: string) => path.replace(/\/+/g, "/").replace(/(?<=.)\/$/, "");
  const kind = (path: string): PathKind | undefined => {
    if (path === "") return undefined;
    const place = tidy(path).replace(/^data\/\.\./, "") || ".";
    if (contents.has(place)) return "file";
    if (["/", "data", "."].includes(place)) return "directory";
    return [...contents.keys()].some((name) => name.startsWith(`${place}/`)) ? "directory" : undefined;
  };
  return {
    read(path) {
      const content = contents.get(path);
      if (content === undefined) throw new Deno.errors.NotFound("no such file");
      return content;
    },
    environment: (name) => variables.get(name),
    kind,
  };
}

function ours(configuration: Case): ReturnType<typeof serverValues> | ConfigurationError | UsageError {
  try {
    if (configuration.kind === "database") {
      return databaseValues(parseDatabaseConfiguration(configuration.text ?? "", hostOf(configuration)));
    }
    const file = configuration.text === null ? [] : ["-C", "zeo.conf"];
    const options = parseServerCommandLine([...file, ...configuration.args ?? []]);
    if (options.help || options.version) return "exit 0";
    return serverValues(resolveServerConfiguration(options, hostOf(configuration)), options);
  } catch (error) {
    if (error instanceof ConfigurationError || error instanceof UsageError) return error;
    throw error;
  }
}

for (const [group, members] of Object.entries(Object.groupBy(cases, ({ group }) => group))) {
  Deno.test(`${group}: accepted, refused and understood as by the original`, async (t) => {
    for (const configuration of members ?? []) {
      const { text, args, files, environment, differs, refused = false, values } = configuration;
      const name = JSON.stringify([text, args, files, environment].filter((part) => part !== undefined));
      await t.step(differs === undefined ? name : `${name} (${differs.why})`, () => {
        const result = ours(configuration);
        const wrong = result instanceof Error;
        assertEquals(wrong, differs?.refused ?? refused, wrong ? result.message : JSON.stringify(result));
        if (wrong) {
          assertEquals(result.message.split("\n").length, 1, "the message is one line");
        } else if (values !== undefined) {
          assertEquals(comparable(result, values), originalValues(values));
        }
      });
    }
  });
}
