/**
 * Tests against the original: a Python with ZEO, servers (ours and `runzeo`), a folder, all gone when the test is over.
 *
 * The first use makes a virtual environment (`environment.ts`). Where Python or its packages can't be had, one line says
 * what is not run; with `CI=true` that is an error. `ZEO_INTEROP_SERVER=runzeo` runs the same tests with Python's
 * server: what fails then is wrong in the test.
 *
 * @example
 * ```ts
 * interopTest("a Python application runs on our server", async (peers) => {
 *   const server = await peers.start({ msgpack: true });
 *   const python = peers.session();
 *   assertEquals(await python.call("objects.count", { address: server.address }), 3);
 * });
 * ```
 *
 * @module
 */

import { type Environment, prepareEnvironment } from "./environment.ts";
import { Program } from "./program.ts";
import { Server, type ServerOptions } from "./server.ts";
import { PythonSession } from "./session.ts";

export { type Environment, prepareEnvironment } from "./environment.ts";
export { type Ending, Program } from "./program.ts";
export { type Address, defaultServerKind, Server, type ServerKind, type ServerOptions } from "./server.ts";
export { type Json, PythonFailure, PythonSession } from "./session.ts";

const scripts = new URL("python/", import.meta.url).pathname;

/** The encodings that a server can announce. */
export const encodings: readonly { readonly name: string; readonly msgpack: boolean }[] = [
  { name: "msgpack", msgpack: true },
  { name: "pickles", msgpack: false },
];

/** What a test has around it. */
export class Peers implements AsyncDisposable {
  /** A new folder for the test's files. Short, so that Unix sockets fit into it. */
  readonly folder: string;
  readonly environment: Environment;
  readonly #running: (Server | PythonSession | Program)[] = [];

  constructor(environment: Environment) {
    this.environment = environment;
    this.folder = Deno.makeTempDirSync({ prefix: "zeo-" });
  }

  /** Starts a server in `folder` (default: the test's folder). */
  async start(options: ServerOptions = {}, folder: string = this.folder): Promise<Server> {
    const server = await Server.start(this.environment, folder, options);
    this.#running.push(server);
    return server;
  }

  /** Starts a Python interpreter to call functions of `python/*.py` in. */
  session(): PythonSession {
    const session = new PythonSession(this.environment, this.folder);
    this.#running.push(session);
    return session;
  }

  /** Runs a script of `python/` with arguments; returns what it printed. Throws if it fails. */
  async script(name: string, ...args: string[]): Promise<string> {
    const program = new Program(name, this.environment.python, [`${scripts}${name}`, ...args], {
      cwd: this.folder,
      env: { PYTHONDONTWRITEBYTECODE: "1" },
    });
    this.#running.push(program);
    const { code } = await program.ended;
    if (code !== 0) throw new Error(`${name} ${args.join(" ")}: exit code ${code}:\n${program.output}`);
    return program.output;
  }

  /** What everything that ran has written, for a failure's report. */
  get output(): string {
    return this.#running.map((one) => `--- ${one.constructor.name}\n${one.output.slice(-8000)}`).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#running.splice(0).reverse()) await one[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function findEnvironment(): Promise<Environment | null> {
  try {
    return await prepareEnvironment();
  } catch (error) {
    if (Deno.env.get("CI") === "true") throw error;
    console.warn(`tests/interop: not run here, for want of Python and its packages: ${error}`);
    return null;
  }
}

let environment: Promise<Environment | null> | undefined;

/**
 * Registers a test that needs Python peers; what they wrote is shown if it fails.
 *
 * @param name what a user would see
 * @param body gets the peers, and the test's context for steps
 */
export async function interopTest(
  name: string,
  body: (peers: Peers, context: Deno.TestContext) => Promise<void>,
): Promise<void> {
  environment ??= findEnvironment();
  const found = await environment;
  if (!found) return;
  Deno.test(name, async (context) => {
    await using peers = new Peers(found);
    try {
      await body(peers, context);
    } catch (error) {
      console.error(peers.output);
      throw error;
    }
  });
}
