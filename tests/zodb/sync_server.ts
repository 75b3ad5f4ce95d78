/**
 * A server in a process of its own, as a synchronous connection needs one: in the same thread it could not answer.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import { Program } from "../interop/program.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

/** A server on a Data.fs with blobs, in a folder that goes with it. */
export class ServerProcess implements AsyncDisposable {
  readonly folder: string = Deno.makeTempDirSync({ prefix: "zeo-" });
  /** Where it listens. */
  address = "";
  #program: Program | undefined;

  /** Starts one. @param at Where it is to listen; on any port unless told otherwise. */
  static async start(at?: string): Promise<ServerProcess> {
    const server = new ServerProcess();
    await server.start(at);
    return server;
  }

  /** Starts it, again at the same address. */
  async start(at: string = this.address || "127.0.0.1:0"): Promise<void> {
    const configuration = `${this.folder}/zeo.conf`;
    await Deno.writeTextFile(
      configuration,
      `<zeo>\n  address ${at}\n</zeo>\n<filestorage 1>\n  path Data.fs\n  blob-dir blobs\n</filestorage>\n`,
    );
    this.#program = new Program("server.ts", Deno.execPath(), [
      ...["run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write"],
      ...["--config", `${root}deno.json`, `${root}server.ts`, "-C", configuration],
    ], { cwd: this.folder });
    const told = await this.#program.match(/^listening on (.+)$/m);
    this.address = told[1];
  }

  /** Ends it with SIGKILL. */
  async kill(): Promise<void> {
    await this.#program?.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A script of this folder that runs to its end. */
export function script(name: string, ...args: string[]): Program {
  return new Program(name, Deno.execPath(), [
    ...["run", "--no-prompt", "-A", "--config", `${root}deno.json`, `${root}tests/zodb/${name}`, ...args],
  ], {});
}
