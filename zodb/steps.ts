/**
 * Work in steps that may have to wait for answers, and doesn't where they are there at once.
 *
 * It is written once, as a generator, and serves both kinds of connections: in an asynchronous one the work becomes a
 * promise at the first answer that takes waiting; in a synchronous one no answer does, and it is done when `run` returns.
 *
 * @module
 */

import { type Awaitable, isPromise, StorageError } from "../values/mod.ts";

/** Work that yields the promises it waits for. */
export type Steps<T> = Generator<Promise<unknown>, T, unknown>;

/** Within such work, what `await` is elsewhere: `const data = yield* wait(answer)`. */
export function* wait<T>(answer: Awaitable<T>): Steps<T> {
  return isPromise(answer) ? (yield answer) as T : answer;
}

/** Does the work: at once as far as nothing has to be waited for. */
export function run<T>(steps: Steps<T>): Awaitable<T> {
  const first = steps.next();
  return first.done ? first.value : goOn(steps, first.value);
}

async function goOn<T>(steps: Steps<T>, waitingFor: Promise<unknown>): Promise<T> {
  while (true) {
    let next: () => IteratorResult<Promise<unknown>, T>;
    try {
      const answer = await waitingFor;
      next = () => steps.next(answer);
    } catch (error) {
      next = () => steps.throw(error);
    }
    const step = next();
    if (step.done) return step.value;
    waitingFor = step.value;
  }
}

/**
 * An answer that has to be there.
 * @param what What was asked for, for the message.
 * @throws {StorageError} when it would have to be waited for.
 */
export function now<T>(answer: Awaitable<T>, what: string): T {
  if (!isPromise(answer)) return answer;
  answer.catch(() => {});
  throw new StorageError(`${what}: it takes waiting, which a synchronous connection can't do`);
}
