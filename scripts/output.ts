/**
 * Where a command's answer goes: standard output, in big pieces.
 *
 * @module
 */

/** Something that takes text. */
export interface TextSink {
  /** Writes all of it. */
  write(text: string): void;
  /** Whether a person looks at it. */
  readonly terminal: boolean;
}

/** Nobody reads standard output any more. */
export class ReaderGone extends Error {}

/** Standard output or standard error. */
export function standardSink(stream: typeof Deno.stdout | typeof Deno.stderr): TextSink {
  const encoder = new TextEncoder();
  return {
    terminal: stream.isTerminal(),
    write(text) {
      const bytes = encoder.encode(text);
      try {
        for (let done = 0; done < bytes.length;) done += stream.writeSync(bytes.subarray(done));
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
        // That nobody reads messages is no reason to leave the work undone.
        if (stream === Deno.stdout) throw new ReaderGone();
      }
    },
  };
}

const ENOUGH = 1 << 16;

/** See the module. */
export class Output {
  readonly #sink: TextSink;
  #waiting = "";

  /** @param sink Where it goes in the end. */
  constructor(sink: TextSink) {
    this.#sink = sink;
  }

  /** Adds a line. */
  line(text = ""): void {
    this.#waiting += `${text}\n`;
    if (this.#waiting.length > ENOUGH) this.flush();
  }

  /** Adds a value as one line of JSON: ids as text, bytes as UTF-8. */
  json(value: unknown): void {
    this.line(JSON.stringify(value, plain));
  }

  /** Writes what has gathered. */
  flush(): void {
    const text = this.#waiting;
    this.#waiting = "";
    if (text !== "") this.#sink.write(text);
  }
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString(16).padStart(16, "0");
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return value;
}
