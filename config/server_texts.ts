/**
 * The configuration of a server within a program: texts and values instead of a file.
 *
 * @module
 */

import type { ConfigurationHost } from "./host.ts";
import { parseServerConfiguration, type ServerConfiguration } from "./server_configuration.ts";
import { plainFileStorage } from "./storage_sections.ts";

/** What a server within a program serves, and how. */
export interface ServerTexts {
  /** Path of a Data.fs; without one the database is in memory. Ignored where `storageConf` says what to serve. */
  readonly path?: string;
  /** Directory of the blobs. Ignored where `storageConf` says what to serve. */
  readonly blobDir?: string;
  /** Storage sections as in a configuration file. */
  readonly storageConf?: string;
  /** Keys of `<zeo>` by their names, with `-` or `_`; or a whole `<zeo>` section as in a configuration file. */
  readonly zeoConf?: string | Readonly<Record<string, string | number | boolean>>;
}

/** What is served, and whether the texts name an address. */
export interface DescribedServer extends ServerConfiguration {
  /** Whether the texts say where to listen. */
  readonly addressed: boolean;
}

const ADDRESS = "127.0.0.1:0";

/**
 * What the texts say. Throws {@link ConfigurationError}.
 *
 * @param host Replaces what is read of the machine.
 */
export function describeServer(texts: ServerTexts, host: Partial<ConfigurationHost> = {}): DescribedServer {
  const { path, blobDir, storageConf, zeoConf = {} } = texts;
  const keys = typeof zeoConf === "string" ? {} : { ...zeoConf };
  const addressed = typeof zeoConf === "string" || "address" in keys;
  if (!addressed) keys.address = ADDRESS;
  const lines = Object.entries(keys).map(([key, value]) => `  ${key.replaceAll("_", "-")} ${value}`);
  const zeo = typeof zeoConf === "string" ? zeoConf : ["<zeo>", ...lines, "</zeo>"].join("\n");
  const storages = storageConf ?? "<mappingstorage>\n</mappingstorage>";
  const configuration = parseServerConfiguration(`${zeo}\n${storages}\n`, host, "server()");
  if (storageConf !== undefined || path === undefined) return { ...configuration, addressed };
  const storage = plainFileStorage("1", path, { file: "server()", line: 0 });
  return { ...configuration, storages: [{ ...storage, blobDir }], addressed };
}
