/**
 * A Python interpreter that stays, and is told line by line which function of `python/*.py` to call.
 *
 * Standard input gets `{"call": "module.function", "arguments": {…}}`, standard output gives `{"result": …}` or
 * `{"error": "traceback"}`; whatever Python prints goes to standard error.
 *
 * @module
 */

import type { Environment } from "./environment.ts";

const scripts = new URL("python/", import.meta.url).pathname;

/** Anything that survives JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A call of a Python function raised. The message is the traceback. */
export class PythonFailure extends Error {
  override name = "PythonFailure";
}

interface Waiting {
  readonly call: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** One Python process; calls are answered one after the other. */
export class PythonSession implements AsyncDisposable {
  /** What it has written to standard error. */
  output = "";
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting: Waiting[] = [];
  readonly #ended: Promise<unknown>;

  constructor(environment: Environment, folder: string) {
    this.#process = new Deno.Command(environment.python, {
      args: ["-u", `${scripts}session.py`],
      cwd: folder,
      env: { PYTHONDONTWRITEBYTECODE: "1", PYTHONPATH: scripts },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#ended = Promise.all([this.#process.status, this.#answers(), this.#errors()]);
  }

  async #answers(): Promise<void> {
    let rest = "";
    for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#answer(JSON.parse(line));
    }
    for (const { call, reject } of this.#waiting.splice(0)) {
      reject(new PythonFailure(`${call}: Python ended without an answer:\n${this.output}`));
    }
  }

  async #errors(): Promise<void> {
    for await (const text of this.#process.stderr.pipeThrough(new TextDecoderStream())) this.output += text;
  }

  #answer(answer: { result?: unknown; error?: string }): void {
    const waiting = this.#waiting.shift();
    if (!waiting) throw new Error(`an answer that nobody waits for: ${JSON.stringify(answer)}`);
    if (answer.error === undefined) waiting.resolve(answer.result);
    else waiting.reject(new PythonFailure(`${waiting.call}: ${answer.error}`));
  }

  /**
   * Calls `module.function(**arguments)` and returns what it returns.
   *
   * @throws {PythonFailure} with the traceback, if it raised, or did not answer within `timeout` ms
   */
  async call<T = unknown>(call: string, args: Record<string, Json> = {}, timeout = 120_000): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.push({ call, resolve, reject });
    const timer = setTimeout(() => {
      reject(new PythonFailure(`${call}: no answer within ${timeout} ms:\n${this.output}`));
      this.kill();
    }, timeout);
    try {
      await this.#input.write(new TextEncoder().encode(JSON.stringify({ call, arguments: args }) + "\n"));
      return await promise as T;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process at once. */
  kill(): void {
    this.signal("SIGKILL");
  }

  /** Sends a signal, if it is still running. */
  signal(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch (error) {
      // It has ended already.
      if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#input.abort().catch(() => {});
    await this.#ended;
  }
}
