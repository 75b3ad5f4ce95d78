/**
 * The thread behind a synchronous connection: it has the storage, and answers calls while the program waits.
 *
 * @module
 */

import { workerData } from "node:worker_threads";
import { Answerer, type Message, type SharedMemory } from "./exchange.ts";
import { HostedStorage, type StorageSource } from "./hosted_storage.ts";
import {
  type Call,
  failureMessage,
  LOAD,
  loadIn,
  recordsMessage,
  VALUE,
  valueIn,
  valueMessage,
} from "./messages.ts";

const { memory } = workerData as { readonly memory: SharedMemory };
const answerer = new Answerer(memory);
let storage: HostedStorage | undefined;

async function called({ method, args }: Call): Promise<unknown> {
  if (method === "open") {
    storage = await HostedStorage.open(args[0] as StorageSource);
    return storage.facts();
  }
  const found = storage?.[method as keyof HostedStorage] as (...args: readonly unknown[]) => unknown;
  return await found.apply(storage, [...args]);
}

async function answer(message: Message): Promise<Message> {
  try {
    if (message.kind === LOAD) {
      const { oid, before } = loadIn(message);
      return recordsMessage(await storage!.load(oid, before));
    }
    return valueMessage(VALUE, await called(valueIn<Call>(message)));
  } catch (error) {
    return failureMessage(error);
  }
}

/** What nobody has caught is a bug; whoever waits must not wait for ever because of it. */
function die(event: Event, error: unknown): void {
  event.preventDefault();
  answerer.die(error instanceof Error ? error.stack ?? error.message : String(error));
}

addEventListener("error", (event) => die(event, event.error));
addEventListener("unhandledrejection", (event) => die(event, event.reason));
answerer.serve(answer, () => storage?.learn());
