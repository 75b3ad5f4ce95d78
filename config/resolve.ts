/**
 * The command line and the configuration file together.
 *
 * @module
 */

import { type ServerOptions, UsageError } from "./command_line.ts";
import { type ConfigurationHost, configurationHost } from "./host.ts";
import { loadServerConfiguration, type ServerConfiguration } from "./server_configuration.ts";
import { plainFileStorage } from "./storage_sections.ts";
import { defaultZeoSection, type ZeoSection } from "./zeo_section.ts";

function fromCommandLine(options: ServerOptions, host: ConfigurationHost): ServerConfiguration {
  if (options.overrides.length > 0) throw new UsageError("-X changes a configuration file: name it with -C");
  if (options.address === undefined) throw new UsageError("no address to listen on: expected -a or -C");
  if (options.filenames.length === 0) throw new UsageError("no storage to serve: expected -f or -C");
  return { zeo: defaultZeoSection(options.address, { file: "-a", line: 0 }, host), storages: [] };
}

function instancePidFile(host: ConfigurationHost): string | undefined {
  const home = host.environment("INSTANCE_HOME") ?? "";
  return home === "" ? undefined : `${home}/var/ZEO.pid`;
}

/**
 * What the server is to do: the configuration file that the command line names, with what the command line says
 * itself in place of what the file says. Without a file, the command line has to name an address and a Data.fs.
 *
 * Throws {@link UsageError} and {@link ConfigurationError}.
 *
 * @param host Replaces what is read of the machine.
 */
export function resolveServerConfiguration(
  options: ServerOptions,
  host: Partial<ConfigurationHost> = {},
): ServerConfiguration {
  const machine = configurationHost(host);
  const file = options.configuration === undefined
    ? fromCommandLine(options, machine)
    : loadServerConfiguration(options.configuration, { ...host, overrides: options.overrides });
  const zeo: ZeoSection = {
    ...file.zeo,
    address: options.address ?? file.zeo.address,
    transactionTimeout: options.timeout ?? file.zeo.transactionTimeout,
    pidFilename: options.pidFile ?? file.zeo.pidFilename ?? instancePidFile(machine),
  };
  const storages = options.filenames.map((path, index) =>
    plainFileStorage(String(index + 1), path, { file: "-f", line: 0 })
  );
  return { ...file, zeo, storages: storages.length > 0 ? storages : file.storages };
}
