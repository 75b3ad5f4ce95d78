/**
 * A program that runs beside a test: its output is kept, and it does not outlive the test.
 *
 * @module
 */

/** How long a program may take to end by itself before it is killed, ms. */
const PATIENCE = 15_000;

/** What the end of a program looked like. */
export interface Ending {
  readonly code: number;
  readonly signal: string | null;
}

/** A child process whose standard output and error are collected. */
export class Program implements AsyncDisposable {
  /** Everything it has written so far. */
  output = "";
  /** Resolves when it has ended and all its output was read. */
  readonly ended: Promise<Ending>;
  readonly #name: string;
  readonly #process: Deno.ChildProcess;
  readonly #listeners = new Set<() => void>();
  #running = true;

  constructor(
    name: string,
    command: string,
    args: string[],
    options: { cwd?: string; env?: Record<string, string> },
  ) {
    this.#name = name;
    this.#process = new Deno.Command(command, {
      args,
      ...options,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const read = Promise.all([this.#collect(this.#process.stdout), this.#collect(this.#process.stderr)]);
    this.ended = Promise.all([this.#process.status, read]).then(([status]) => {
      this.#running = false;
      this.#wake();
      return { code: status.code, signal: status.signal };
    });
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.output += text;
      this.#wake();
    }
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Waits until the output matches and returns the match.
   *
   * @throws {Error} with the output, if the program ends first or nothing matches within `timeout` ms
   */
  async match(pattern: RegExp, timeout = 30_000): Promise<RegExpMatchArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpMatchArray>();
    const check = () => {
      const found = this.output.match(pattern);
      if (found) resolve(found);
      else if (!this.#running) reject(new Error(`${this.#name} ended without ${pattern}:\n${this.output}`));
    };
    const timer = setTimeout(
      () => reject(new Error(`${this.#name}: no ${pattern} within ${timeout} ms:\n${this.output}`)),
      timeout,
    );
    this.#listeners.add(check);
    check();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(check);
    }
  }

  /** Sends a signal, if it is still running. */
  signal(signal: Deno.Signal): void {
    if (!this.#running) return;
    try {
      this.#process.kill(signal);
    } catch (error) {
      // It ended between the check and the signal.
      if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
    }
  }

  /** Asks it to end (SIGTERM), kills it if it does not. */
  async stop(): Promise<Ending> {
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), PATIENCE);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it without a chance to tidy up (SIGKILL). */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
