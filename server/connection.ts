/**
 * One connection to the server: handshake, registration, then the calls of a session.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Value } from "../pickle/mod.ts";
import {
  Channel,
  type ChannelLimits,
  type Encoding,
  HEARTBEAT,
  type LoadFormat,
  loadFormat,
  type Message,
  msgpackCodec,
  pickleCodec,
  PROTOCOL_VERSION,
  PythonError,
  StoreFormat,
  type Transport,
} from "../protocol/mod.ts";
import {
  ConflictError,
  isPromise,
  POSKeyError,
  ReadOnlyError,
  StorageError,
  tidBytes,
} from "../values/mod.ts";
import { oidFromBytes, tidFromBytes } from "../values/mod.ts";
import { oneLine } from "./arguments.ts";
import { type Answer, callMethod, hasMethod, registerArguments, REPLIES_ITSELF } from "./methods.ts";
import type { ConnectionMeasures } from "./monitor/measures.ts";
import type { ServedStorage } from "./served_storage.ts";
import { Session } from "./session.ts";

const log = getLogger(["zeo", "server", "connection"]);
const serverLog = getLogger(["zeo", "server"]);
const base = getLogger(["zeo", "server", "base"]);
const text = new TextDecoder("latin1");

/** What a connection gets from its server. */
export interface ConnectionHost {
  /** The encoding that is offered; a client may choose the other. */
  readonly encoding: Encoding;
  readonly limits: ChannelLimits;
  /** What log lines call clients of this server that have no name of their own: where it listens. */
  readonly label: string;
  /** What log lines call connections to this server. */
  readonly protocol: string;
  /** The storages by their ids. */
  readonly storages: ReadonlyMap<string, ServedStorage>;
  /** The answer to `ruok`: a JSON object with every storage's state. */
  monitorReply(): Uint8Array;
}

type State = "handshake" | "unregistered" | "registered" | "ended";

/** See the module. */
export class Connection {
  readonly #host: ConnectionHost;
  readonly #channel: Channel;
  /** Who is at the other end, for the log. */
  readonly #peer: string;
  #state: State = "handshake";
  #session?: Session;
  #loads!: LoadFormat;
  readonly #stores = new StoreFormat();
  /** When it was accepted, in milliseconds since 1970. */
  readonly since: number = Date.now();
  /** Messages since the registration. */
  #calls = 0;
  /** Whether it was the server that ended it. */
  #refused = false;

  constructor(host: ConnectionHost, transport: Transport, peer: string) {
    this.#host = host;
    this.#peer = peer;
    this.#channel = new Channel(transport, host.limits);
  }

  /** Serves the client until the connection ends. Never throws: what goes wrong is logged. */
  async run(): Promise<void> {
    log.debug`Accepted connection`;
    base.info`Connected ${this.#host.protocol}`;
    this.#channel.sendRaw(new TextEncoder().encode(this.#host.encoding + PROTOCOL_VERSION));
    const reason = await this.#channel.run((bytes, start, end) => this.#handle(bytes, start, end));
    if (reason !== undefined && !isDisconnect(reason)) {
      this.#refused = true;
      log.error`client ${this.#who()}: ${messageOf(reason)}: disconnected`;
      log.debug`Closing server protocol`;
    }
    if (this.#session) this.#session.close(this.#refused);
    else if (!this.#refused) {
      serverLog.info`(${this.#state === "handshake" ? "unconnected" : this.#host.label}) disconnected`;
    }
  }

  /** Ends the connection at once. */
  close(): void {
    this.#channel.close();
  }

  /** Ends the connection unless a client has registered. @param seconds How long it had, for the log. */
  requireRegistration(seconds: number): void {
    if (this.#session || this.#refused) return;
    this.#refuse(`not registered within ${seconds} seconds`);
  }

  /** Ends the connection when the client has read what it was sent. */
  end(): Promise<void> {
    return this.#channel.end();
  }

  /** Ends the connection for what the client has done. The line begins as log parsers know it. */
  #refuse(what: string): void {
    log.error`${what}: client ${this.#who()} disconnected`;
    log.debug`Closing server protocol`;
    this.#refused = true;
    this.#channel.close();
  }

  /** Bytes that have come from the client. */
  get received(): number {
    return this.#channel.received;
  }

  /** Bytes that the client was sent. */
  get sent(): number {
    return this.#channel.sent;
  }

  /** What it is doing. */
  measure(): ConnectionMeasures {
    const session = this.#session;
    const transaction = session?.transaction;
    return {
      peer: this.#peer,
      since: this.since,
      storage: session?.served.id,
      client: session?.clientLabel ?? "",
      readOnly: session?.readOnly ?? false,
      transaction: transaction?.state,
      transactionSeconds: transaction?.seconds,
      calls: this.#calls,
      received: this.received,
      sent: this.sent,
      buffered: this.#channel.buffered,
    };
  }

  #who(): string {
    return this.#session ? `${this.#peer} (${this.#session.label})` : this.#peer;
  }

  #handle(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === "registered") {
      this.#calls++;
      if (this.#loads.matches(bytes, start, end) && this.#load(bytes)) return;
      if (this.#stores.matches(bytes, start, end) && this.#store(bytes)) return;
      const message = this.#decode(bytes.subarray(start, end));
      if (message) this.#call(message);
    } else if (this.#state === "unregistered") {
      const message = this.#decode(bytes.subarray(start, end));
      if (message) this.#register(message);
    } else if (this.#state === "handshake") {
      this.#shakeHands(text.decode(bytes.subarray(start, end)));
    }
  }

  #decode(bytes: Uint8Array): Message | undefined {
    try {
      return this.#channel.codec.decode(bytes);
    } catch (error) {
      this.#refuse(`Can't deserialize message: ${messageOf(error)}`);
    }
  }

  /** A load on the short path. @returns false when the answer is not a plain one: the general path gives it then. */
  #load(bytes: Uint8Array): boolean {
    const loads = this.#loads;
    const { served } = this.#session!;
    try {
      const answer = served.storage.loadBefore(
        oidFromBytes(bytes, loads.oidAt),
        tidFromBytes(bytes, loads.tidAt),
      );
      if (isPromise(answer)) {
        // The general path asks again, and tells what goes wrong.
        answer.catch(() => {});
        return false;
      }
      if (answer === null) return false;
      loads.reply(this.#channel.out, bytes, answer.data, answer.serial, answer.end);
    } catch {
      // The general path meets the same error, and tells it to the client.
      return false;
    }
    served.statistics.loads++;
    return true;
  }

  /** A store on the short path. @returns false when there is something about it for the general path to tell. */
  #store(bytes: Uint8Array): boolean {
    const { transaction, oidAt, serialAt, recordAt, recordLength } = this.#stores;
    const commit = this.#session!.currentCommit(transaction);
    if (commit?.state !== "collecting") return false;
    const record = bytes.subarray(recordAt, recordAt + recordLength);
    try {
      commit.store(oidFromBytes(bytes, oidAt), tidFromBytes(bytes, serialAt), record);
    } catch (error) {
      this.#failed({ id: 0, flag: true, name: "storea", args: [] }, error);
    }
    return true;
  }

  #shakeHands(hello: string): void {
    if (hello === "ruok") {
      this.#channel.sendRaw(this.#host.monitorReply());
      this.#end();
      return;
    }
    const encoding = hello[0];
    if (hello.slice(1) !== PROTOCOL_VERSION || encoding !== "M" && encoding !== "Z") {
      this.#refuse(`bad handshake ${bytesText(hello)}, expected b'M5' or b'Z5'`);
      return;
    }
    log.info`received handshake ${`'${hello}'`}`;
    this.#channel.speak(encoding === "M" ? msgpackCodec : pickleCodec);
    this.#loads = loadFormat(encoding);
    this.#state = "unregistered";
  }

  #end(): void {
    log.debug`Closing server protocol`;
    this.#refused = true;
    this.#state = "ended";
    this.#channel.end();
  }

  #register(message: Message): void {
    if (message.id === HEARTBEAT) return;
    if (message.name !== "register") {
      this.#unknown(message);
      return;
    }
    try {
      const { storage: id, readOnly } = registerArguments(message.args);
      const served = this.#host.storages.get(id);
      if (!served) {
        const shown = oneLine(id, 100);
        serverLog.info`(${this.#host.label}) unknown storage_id: ${shown}`;
        throw new PythonError("builtins.ValueError", `unknown storage: ${shown}`);
      }
      if (served.readOnly && !readOnly) throw new ReadOnlyError();
      const session = new Session(served, this.#channel, readOnly, this.#host.label);
      // Between the answer and the first invalidation no transaction may slip through: both happen now.
      served.enter(session);
      this.#session = session;
      this.#state = "registered";
      this.#channel.reply(message.id, tidBytes(served.storage.lastTransaction()));
    } catch (error) {
      this.#failed(message, error);
    }
  }

  #call(message: Message): void {
    if (message.id === HEARTBEAT) return;
    if (!hasMethod(message.name)) {
      this.#unknown(message);
      return;
    }
    let answer: Answer;
    try {
      answer = callMethod(this.#session!, message);
    } catch (error) {
      this.#failed(message, error);
      return;
    }
    if (isPromise(answer)) {
      this.#channel.answersLater(
        answer.then((value) => this.#answer(message, value), (error) => this.#failed(message, error)),
      );
    } else this.#answer(message, answer);
  }

  #answer(message: Message, value: Value | typeof REPLIES_ITSELF): void {
    if (value === REPLIES_ITSELF || message.flag) return;
    try {
      this.#channel.reply(message.id, value);
    } catch (error) {
      log.error`client ${this.#who()}: the answer to ${message.name} can't be sent: ${String(error)}`;
      this.#channel.replyError(
        message.id,
        new PythonError("builtins.ValueError", "Couldn't pickle response"),
      );
    }
  }

  /** A call failed: its caller is told, or, where nobody waits for an answer, disconnected. */
  #failed(message: Message, error: unknown): void {
    const what = `\`'${message.name}'\` raised exception`;
    if (message.flag) {
      this.#refuse(`async ${what}: ${String(error)}, and nobody waits for its answer`);
      return;
    }
    if (!isExpected(error)) {
      const line = message.name === "pack" ? "Error raised in delayed method: pack" : what;
      // What went wrong on purpose says enough; for all else the place matters.
      const known = error instanceof StorageError || error instanceof PythonError;
      log.error("{line}: client {client}: {reason}", {
        ...{ line, client: this.#who(), reason: String(error) },
        ...known ? {} : { error },
      });
    }
    this.#channel.replyError(message.id, error);
  }

  #unknown(message: Message): void {
    const name = oneLine(message.name, 100);
    log.error`Invalid method, ${`'${name}'`}: client ${this.#who()} disconnected`;
    if (!message.flag) {
      this.#channel.replyError(
        message.id,
        new PythonError("builtins.AttributeError", `no such method: ${name}`),
      );
    }
    this.#end();
  }
}

/** Errors that say nothing bad about the server or its client. */
function isExpected(error: unknown): boolean {
  return error instanceof POSKeyError || error instanceof ConflictError;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Bytes, each a character of the text, as Python writes them. */
function bytesText(bytes: string): string {
  const quote = bytes.includes("'") && !bytes.includes('"') ? '"' : "'";
  const escaped = bytes.replace(/[^ -~]|[\\'"]/g, (character) => {
    if (character === quote || character === "\\") return `\\${character}`;
    if (character === "'" || character === '"') return character;
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `b${quote}${escaped}${quote}`;
}

/** Whether a connection ended because the peer is gone. */
function isDisconnect(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.BadResource;
}
