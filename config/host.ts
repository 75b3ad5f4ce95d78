/**
 * What reading a configuration asks of the machine: files, environment variables, which directories exist.
 *
 * @module
 */

/** What a path leads to. */
export type PathKind = "file" | "directory" | "other";

/** The machine as a configuration sees it. Tests and embedders replace parts of it. */
export interface ConfigurationHost {
  /** The text of a file. Throws when it can't be read or isn't UTF-8. */
  readonly read: (path: string) => string;
  /** The value of an environment variable; one that may not be read counts as unset. */
  readonly environment: (name: string) => string | undefined;
  /** What a path leads to; undefined for nothing. Throws when that may not be looked up. */
  readonly kind: (path: string) => PathKind | undefined;
}

function read(path: string): string {
  // A byte order mark is kept, so that the parser can say what is wrong with the first line.
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Deno.readFileSync(path));
}

function environment(name: string): string | undefined {
  // Asking first keeps Deno from prompting somebody who started a server without --allow-env.
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}

function kind(path: string): PathKind | undefined {
  try {
    const info = Deno.statSync(path);
    return info.isDirectory ? "directory" : info.isFile ? "file" : "other";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

/** The machine itself, with the parts of `replaced` in place of its own. */
export function configurationHost(replaced: Partial<ConfigurationHost> = {}): ConfigurationHost {
  return {
    read: replaced.read ?? read,
    environment: replaced.environment ?? environment,
    kind: replaced.kind ?? kind,
  };
}
