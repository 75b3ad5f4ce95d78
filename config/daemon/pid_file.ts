/**
 * The file with the process id.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";

const log = getLogger(["zeo", "runzeo"]);

/** The file with the process id, for as long as the process runs. */
export class PidFile implements Disposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Writes it, in place of one that is there; a file that can't be written is told and is no reason to stop. */
  static write(path: string | undefined): PidFile | undefined {
    if (!path) {
      log.debug(
        "'pidfile' option not set, and 'INSTANCE_HOME' environment variable could not be found. " +
          "Cannot guess pidfile location.",
      );
      return undefined;
    }
    try {
      Deno.writeTextFileSync(path, `${Deno.pid}\n`);
      log.info`(${Deno.pid}) created PID file ${`'${path}'`}`;
      return new PidFile(path);
    } catch (error) {
      log.error`(${Deno.pid}) PID file ${`'${path}'`} can't be written: ${String(error)}`;
    }
  }

  /** Removes it, unless it is another process's by now: one that was started before this one had ended. */
  [Symbol.dispose](): void {
    try {
      if (!this.#isOwn()) return;
      Deno.removeSync(this.#path);
      log.info`(${Deno.pid}) removed PID file ${`'${this.#path}'`}`;
    } catch (error) {
      log.error`(${Deno.pid}) PID file ${`'${this.#path}'`} can't be removed: ${String(error)}`;
    }
  }

  #isOwn(): boolean {
    try {
      return Deno.readTextFileSync(this.#path) === `${Deno.pid}\n`;
    } catch (error) {
      // With permission to write it only, nobody can tell.
      if (error instanceof Deno.errors.NotCapable) return true;
      throw error;
    }
  }
}
