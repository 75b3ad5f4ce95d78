/**
 * Log lines on their way to another machine: sent one after the other, never waited for, never more than so many.
 *
 * @module
 */

/** Sends one message; gives up when the signal says so. */
export type Send<Message> = (message: Message, signal: AbortSignal) => Promise<void>;

/** Messages that wait at most; further ones are dropped, for a log must not fill the memory. */
export const OUTBOX_LIMIT = 1000;

/** Milliseconds that one message may take. */
const PATIENCE = 5000;

/** A bounded queue in front of something slow that may fail. */
export class Outbox<Message> {
  readonly #send: Send<Message>;
  readonly #report: (error: unknown) => void;
  readonly #queue: Message[] = [];
  readonly #closing = new AbortController();
  #pump: Promise<void> | undefined;
  #failing = false;
  #dropped = 0;

  /** @param report Told of the first failure after a success, and of the first message dropped. */
  constructor(send: Send<Message>, report: (error: unknown) => void) {
    this.#send = send;
    this.#report = report;
  }

  /** Messages that were dropped because too many were waiting. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a message, or drops it when too many wait already. */
  put(message: Message): void {
    if (this.#closing.signal.aborted) return;
    if (this.#queue.length >= OUTBOX_LIMIT) {
      if (this.#dropped++ === 0) this.#report(new Error(`${OUTBOX_LIMIT} messages wait already: dropping`));
      return;
    }
    this.#queue.push(message);
    this.#pump ??= this.#run();
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    while (this.#pump !== undefined) await this.#pump;
  }

  /** Drops what waits, and stops what is being sent. */
  close(): void {
    this.#closing.abort();
    this.#queue.length = 0;
  }

  async #run(): Promise<void> {
    // The caller is in the middle of its own work: start sending after it.
    await Promise.resolve();
    for (let message = this.#queue.shift(); message !== undefined; message = this.#queue.shift()) {
      await this.#sendOne(message);
    }
    this.#pump = undefined;
  }

  async #sendOne(message: Message): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`no answer within ${PATIENCE} ms`)), PATIENCE);
    try {
      await this.#send(message, AbortSignal.any([late.signal, this.#closing.signal]));
      this.#failing = false;
    } catch (error) {
      if (!this.#failing && !this.#closing.signal.aborted) this.#report(error);
      this.#failing = true;
    } finally {
      clearTimeout(timer);
    }
  }
}
