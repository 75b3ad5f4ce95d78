/**
 * The work of a pack, done by another thread.
 *
 * @module
 */

import { FileStorageError } from "../../values/mod.ts";
import type { PackProgress } from "../pack.ts";
import type { OidIndexPart } from "./oid_index.ts";
import type { PackJob, PackRound, PackWork, Prepared } from "./pack_engine.ts";
import { errorOf, type PackMessage, type PackRequest } from "./pack_messages.ts";

/** See the module. */
export class RemotePack implements PackWork {
  readonly #job: PackJob;
  readonly #progress: (progress: PackProgress) => void;
  readonly #worker: Worker;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  #waiting?: PromiseWithResolvers<unknown>;
  #take?: (part: OidIndexPart) => void;
  /** Why the thread can't be asked any more. */
  #dead?: Error;

  private constructor(job: PackJob, progress: (progress: PackProgress) => void) {
    this.#job = job;
    this.#progress = progress;
    this.#worker = new Worker(new URL("./pack_worker.ts", import.meta.url), {
      type: "module",
      name: `pack of ${job.path}`,
    });
    this.#worker.onmessage = ({ data }: MessageEvent<PackMessage>) => this.#hear(data);
    this.#worker.onerror = (event) => {
      // Without this the error would end the whole process.
      event.preventDefault();
      this.#die(`its thread died: ${event.message}`);
    };
    this.#worker.onmessageerror = () => this.#die("its thread said something that can't be understood");
  }

  /** Starts the thread. @param progress Told how far it is. */
  static async start(job: PackJob, progress: (progress: PackProgress) => void): Promise<RemotePack> {
    const pack = new RemotePack(job, progress);
    try {
      await pack.#answer();
      await pack.#ask({ call: "open", job, stop: pack.#stop });
      return pack;
    } catch (error) {
      pack.#worker.terminate();
      throw error;
    }
  }

  /** Has the work that is under way fail soon. */
  stop(): void {
    Atomics.store(this.#stop, 0, 1);
  }

  prepare(end: number): Promise<Prepared> {
    return this.#ask({ call: "prepare", args: [end] }) as Promise<Prepared>;
  }

  copy(end: number, durable: boolean): Promise<PackRound> {
    return this.#ask({ call: "copy", args: [end, durable] }) as Promise<PackRound>;
  }

  saveIndex(): Promise<string | undefined> {
    return this.#ask({ call: "saveIndex", args: [] }) as Promise<string | undefined>;
  }

  async parts(take: (part: OidIndexPart) => void): Promise<void> {
    this.#take = take;
    await this.#ask({ call: "parts", args: [] });
  }

  async remove(path: string): Promise<void> {
    await this.#ask({ call: "remove", args: [path] });
  }

  async syncDirectory(): Promise<void> {
    await this.#ask({ call: "syncDirectory", args: [] });
  }

  async close(): Promise<void> {
    try {
      if (!this.#dead) await this.#ask({ call: "close", args: [] });
    } finally {
      this.#worker.terminate();
    }
  }

  #ask(request: PackRequest): Promise<unknown> {
    if (this.#dead) return Promise.reject(this.#dead);
    this.#worker.postMessage(request);
    return this.#answer();
  }

  #answer(): Promise<unknown> {
    this.#waiting = Promise.withResolvers<unknown>();
    return this.#waiting.promise;
  }

  #hear(message: PackMessage): void {
    switch (message.kind) {
      case "progress":
        return this.#progress(message.progress);
      case "part":
        return this.#take?.(message.part);
      case "ready":
        return this.#waiting?.resolve(undefined);
      case "answer":
        return this.#waiting?.resolve(message.value);
      case "failed":
        return this.#waiting?.reject(errorOf(message.failure, this.#job.path));
    }
  }

  #die(reason: string): void {
    this.#dead = new FileStorageError(`${this.#job.path}: pack failed: ${reason}`);
    this.#waiting?.reject(this.#dead);
  }
}
