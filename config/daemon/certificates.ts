/**
 * The certificates of a server, which are renewed while it runs.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { StorageServer } from "../../server/mod.ts";
import { loadServerTls } from "../ssl.ts";
import type { ServerSslSection } from "../zeo_section.ts";

const log = getLogger(["zeo", "runzeo"]);

/** See the module. */
export class Certificates {
  readonly #server: StorageServer;
  readonly #ssl: ServerSslSection;
  /** The last reading: they end in the order in which they were asked for. */
  #reading: Promise<void> = Promise.resolve();

  /** Those that the server has now. */
  constructor(server: StorageServer, ssl: ServerSslSection) {
    this.#server = server;
    this.#ssl = ssl;
  }

  /** Reads them again for new connections. Where one can't be used, the server goes on with those that it has. */
  reload(): Promise<void> {
    return this.#reading = this.#reading.then(async () => {
      try {
        this.#server.reloadTls(await loadServerTls(this.#ssl));
        log.info`(${Deno.pid}) Certificates read again successfully`;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.error`(${Deno.pid}) certificates could not be read again, those before stay in use: ${reason}`;
      }
    });
  }
}
