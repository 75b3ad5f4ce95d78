/**
 * The signals that a server hears.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";

const log = getLogger(["zeo", "runzeo"]);

/** How a program is told to end, and with which code it does. */
const ENDINGS = [
  { signal: "SIGTERM", code: 0, words: "terminated by SIGTERM" },
  { signal: "SIGINT", code: 0, words: "terminated by SIGINT" },
  { signal: "SIGHUP", code: 1, words: "restarted by SIGHUP" },
] as const;

/** Hears the signals that end the program, and SIGUSR2, until it is disposed of. */
export class Signals implements Disposable {
  /** Resolves to the exit code when the program is told to end. */
  readonly ended: Promise<number>;
  /** Resolves when it is told again: it is not to wait for anybody any more. */
  readonly again: Promise<void>;
  readonly #listeners: readonly (readonly [Deno.Signal, () => void])[];

  /** Begins to hear them. @param reload What SIGUSR2 asks for. */
  constructor(reload: () => void) {
    const ended = Promise.withResolvers<number>();
    const again = Promise.withResolvers<void>();
    this.ended = ended.promise;
    this.again = again.promise;
    let told = false;
    const ends = ENDINGS.map(({ signal, code, words }) =>
      [signal, () => {
        log.info`(${Deno.pid}) ${words}`;
        if (told) again.resolve();
        told = true;
        ended.resolve(code);
      }] as const
    );
    this.#listeners = [...ends, ["SIGUSR2", reload]];
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  /** Signals do again what they do to a program that hears none. */
  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}
