/**
 * What connections have moved, those that are gone included.
 *
 * @module
 */

/** What a connection has moved, in bytes. */
interface Moved {
  readonly received: number;
  readonly sent: number;
}

/** Counts since the server was started. */
export class ConnectionCounts {
  /** When counting began, in milliseconds since 1970. */
  readonly start: number = Date.now();
  /** Connections that were accepted. */
  accepted = 0;
  /** Connections that were refused because there were too many. */
  refused = 0;
  /** Bytes from and to connections that are gone. */
  readonly #gone = { received: 0, sent: 0 };

  /** A connection is gone. */
  add({ received, sent }: Moved): void {
    this.#gone.received += received;
    this.#gone.sent += sent;
  }

  /** Bytes of those that are gone and of those that are there. */
  with(connections: Iterable<Moved>): Moved {
    let { received, sent } = this.#gone;
    for (const connection of connections) {
      received += connection.received;
      sent += connection.sent;
    }
    return { received, sent };
  }
}
