/**
 * Calls from one thread to another, through memory that both share. The caller does nothing until it has the answer.
 *
 *   control   turn | beat | dead | kind | length | more      32-bit words
 *   buffer    a piece of a message: of the call on its way there, of the answer on its way back
 *
 * The turn says whose the buffer is. A message that is longer than the buffer goes in pieces, the turn going to and fro;
 * before that the buffer grows. The answering thread counts the beat up every second: a caller that has seen none for
 * long knows that nobody will answer. A thread that dies of an exception says so in `dead`: how many bytes its last words,
 * in memory of their own as it may not be its turn, have.
 *
 * @module
 */

import { StorageError } from "../../values/mod.ts";

const TURN = 0, BEAT = 1, DEAD = 2, KIND = 3, LENGTH = 4, MORE = 5, WORDS = 8;
const CALLER = 0, ANSWERER = 1;
const SMALLEST = 1 << 16, LARGEST = 1 << 20, MOST_WORDS = 4096;
/** Milliseconds between two beats, and of one wait: the caller looks after the beat so often. */
const BEAT_EVERY = 1000, SLICE = 250;
/** So many waits without a beat mean that the thread is gone: half a minute of this process's own time. */
const MOST_SLICES = 120;
/** Before the first one its module is loaded, and perhaps compiled. */
const MOST_SLICES_TO_START = 240;

const NOT_STARTED = "it has not started (a compiled program must include zodb/sync/storage_worker.ts)";

/** What the threads share. */
export interface SharedMemory {
  readonly control: SharedArrayBuffer;
  readonly buffer: SharedArrayBuffer;
  readonly lastWords: SharedArrayBuffer;
}

/** What is said: what kind it is, and the bytes of it. */
export interface Message {
  readonly kind: number;
  readonly bytes: Uint8Array;
}

/** Memory for calls between two threads. */
export function shareMemory(): SharedMemory {
  return {
    control: new SharedArrayBuffer(4 * WORDS),
    buffer: new SharedArrayBuffer(SMALLEST, { maxByteLength: LARGEST }),
    lastWords: new SharedArrayBuffer(MOST_WORDS),
  };
}

/** One side's access to the memory. */
class Side {
  readonly control: Int32Array;
  readonly #buffer: SharedArrayBuffer;
  /** As long as the buffer, also when that has grown. */
  readonly #bytes: Uint8Array;

  constructor({ control, buffer }: SharedMemory) {
    this.control = new Int32Array(control);
    this.#buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
  }

  /** Puts a piece in. @returns Where the next one begins; at the end there is none. */
  put({ kind, bytes }: Message, start: number): number {
    const left = bytes.length - start;
    if (left > this.#buffer.byteLength && this.#buffer.byteLength < LARGEST) {
      this.#buffer.grow(Math.min(LARGEST, 2 ** Math.ceil(Math.log2(left))));
    }
    const end = start + Math.min(left, this.#buffer.byteLength);
    this.#bytes.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    this.control[KIND] = kind;
    this.control[LENGTH] = end - start;
    this.control[MORE] = end < bytes.length ? 1 : 0;
    return end;
  }

  /** Whether the piece that is there is not the last one. */
  get hasMore(): boolean {
    return this.control[MORE] === 1;
  }

  /** Takes a piece out. */
  take(): Message {
    return { kind: this.control[KIND], bytes: this.#bytes.slice(0, this.control[LENGTH]) };
  }

  give(turn: number): void {
    Atomics.store(this.control, TURN, turn);
    Atomics.notify(this.control, TURN);
  }
}

/** Calls, and waits for the answers. */
export class Caller {
  readonly #side: Side;
  readonly #lastWords: Uint8Array;
  readonly #what: string;
  /** Why there will be no more answers. */
  #failure: Error | undefined;

  /** @param what Whom it calls, for messages. */
  constructor(memory: SharedMemory, what: string) {
    this.#side = new Side(memory);
    this.#lastWords = new Uint8Array(memory.lastWords);
    this.#what = what;
  }

  /** The answer to a call. @throws {StorageError} when the other thread is gone. */
  call(message: Message): Message {
    let sent = 0;
    do {
      this.#requireLife();
      sent = this.#side.put(message, sent);
      this.#side.give(ANSWERER);
      this.#wait();
    } while (sent < message.bytes.length);
    if (!this.#side.hasMore) return this.#side.take();
    return this.#rest();
  }

  /** Whether there will be no more answers. */
  get isDead(): boolean {
    return this.#failure !== undefined || Atomics.load(this.#side.control, DEAD) > 0;
  }

  #rest(): Message {
    const pieces = [this.#side.take()];
    while (this.#side.hasMore) {
      this.#side.give(ANSWERER);
      this.#wait();
      pieces.push(this.#side.take());
    }
    return { kind: pieces[0].kind, bytes: joined(pieces) };
  }

  /** Short waits, so that the thread's death is noticed. A signal whose default is to end the process ends it meanwhile. */
  #wait(): void {
    const { control } = this.#side;
    let beat = Atomics.load(control, BEAT), silent = 0;
    while (Atomics.load(control, TURN) === ANSWERER) {
      this.#requireLife();
      if (Atomics.wait(control, TURN, ANSWERER, SLICE) !== "timed-out") continue;
      const last = beat;
      beat = Atomics.load(control, BEAT);
      silent = beat === last ? silent + 1 : 0;
      if (beat === 0 ? silent > MOST_SLICES_TO_START : silent > MOST_SLICES) {
        this.fail(beat === 0 ? NOT_STARTED : "it gives no sign of life");
      }
    }
    this.#requireLife();
  }

  #requireLife(): void {
    if (this.#failure) throw this.#failure;
    const length = Atomics.load(this.#side.control, DEAD);
    if (length > 0) this.fail(new TextDecoder().decode(this.#lastWords.slice(0, length)));
  }

  /** Has this and all later calls fail. */
  fail(reason: string): never {
    throw this.#failure ??= new StorageError(`${this.#what}: its thread has died: ${reason}`);
  }
}

/** Answers calls. */
export class Answerer {
  readonly #side: Side;
  readonly #lastWords: Uint8Array;
  readonly #beating: ReturnType<typeof setInterval>;

  constructor(memory: SharedMemory) {
    this.#side = new Side(memory);
    this.#lastWords = new Uint8Array(memory.lastWords);
    Atomics.add(this.#side.control, BEAT, 1);
    this.#beating = setInterval(() => Atomics.add(this.#side.control, BEAT, 1), BEAT_EVERY);
  }

  /**
   * Answers calls for as long as the thread lives.
   * @param answered Called after each answer: for what the caller need not wait for.
   */
  async serve(answer: (message: Message) => Promise<Message>, answered: () => void): Promise<never> {
    while (true) {
      await this.#send(await answer(await this.#receive()));
      answered();
    }
  }

  /** Tells that there will be no more answers. */
  die(reason: string): void {
    clearInterval(this.#beating);
    const words = new TextEncoder().encode(reason || "an error without a message").subarray(0, MOST_WORDS);
    this.#lastWords.set(words);
    Atomics.store(this.#side.control, DEAD, words.length);
    this.#side.give(CALLER);
  }

  async #receive(): Promise<Message> {
    const pieces: Message[] = [];
    await this.#turn();
    while (this.#side.hasMore) {
      pieces.push(this.#side.take());
      this.#side.give(CALLER);
      await this.#turn();
    }
    const last = this.#side.take();
    if (pieces.length === 0) return last;
    return { kind: last.kind, bytes: joined([...pieces, last]) };
  }

  async #send(message: Message): Promise<void> {
    let sent = this.#side.put(message, 0);
    this.#side.give(CALLER);
    while (sent < message.bytes.length) {
      await this.#turn();
      sent = this.#side.put(message, sent);
      this.#side.give(CALLER);
    }
  }

  async #turn(): Promise<void> {
    const { control } = this.#side;
    while (Atomics.load(control, TURN) === CALLER) {
      const waiting = Atomics.waitAsync(control, TURN, CALLER);
      if (waiting.async) await waiting.value;
    }
  }
}

function joined(pieces: readonly Message[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const { bytes } of pieces) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole;
}
