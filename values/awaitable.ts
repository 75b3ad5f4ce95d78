/**
 * Answers that are usually there at once.
 *
 * @module
 */

/**
 * A value, or a promise of it. Storages that can answer at once do, so that a load from the page cache doesn't
 * pay for a promise.
 */
export type Awaitable<T> = T | Promise<T>;

/**
 * Goes on with an answer, at once if it is there.
 *
 * It can't be called `then`: a module that exports a `then` is taken for a promise by `await import(…)`.
 */
export function when<T, R>(answer: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return isPromise(answer) ? answer.then(next) : next(answer);
}

/** Whether a value is a promise, so that one that is there at once can be used without `await`. */
export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return value instanceof Promise;
}
