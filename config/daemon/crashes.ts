/**
 * What ends the program although nobody wanted it: it is told in the log, too, as standard error goes nowhere where a
 * supervisor runs it.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";

const log = getLogger(["zeo", "runzeo"]);

/** See the module. It listens from its making until it is disposed of. */
export class Crashes implements Disposable {
  readonly #rejected = ({ reason }: PromiseRejectionEvent): void => tell(reason);
  readonly #thrown = ({ error }: ErrorEvent): void => tell(error);

  /** Begins to listen. */
  constructor() {
    addEventListener("unhandledrejection", this.#rejected);
    addEventListener("error", this.#thrown);
  }

  /** Ends that. */
  [Symbol.dispose](): void {
    removeEventListener("unhandledrejection", this.#rejected);
    removeEventListener("error", this.#thrown);
  }
}

function tell(reason: unknown): void {
  const error = reason instanceof Error ? reason : undefined;
  // Going on could do harm: what is durable stays, and a supervisor starts the program again.
  log.fatal(`(${Deno.pid}) ended by an error that nobody has expected: {reason}`, {
    reason: String(reason),
    ...error && { error },
  });
}
