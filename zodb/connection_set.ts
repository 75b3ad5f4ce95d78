/**
 * A connection and those to other databases beside it: one view of several databases, in the same transactions.
 *
 * They stay together, as their objects refer to each other: they are opened, closed and kept in the first one's pool as
 * one.
 *
 * @module
 */

import { ConnectionStateError } from "../values/mod.ts";
import type { Connection } from "./connection.ts";
import type { TransactionManager } from "./transaction/transaction_manager.ts";

/** See the module. */
export class ConnectionSet {
  readonly #first: Connection;
  readonly #members = new Map<string, Connection>();
  #manager: TransactionManager | undefined;
  #sync = false;

  /** @param first The connection that was asked for; the others come when they are needed. */
  constructor(first: Connection) {
    this.#first = first;
    this.#members.set(first.db.databaseName, first);
  }

  /** All of them. */
  get members(): readonly Connection[] {
    return [...this.#members.values()];
  }

  /** Whether one of them takes part in a transaction that is not over. */
  get hasChanges(): boolean {
    return this.members.some((member) => member.hasChanges);
  }

  /** The connection to a database. @throws {RangeError} when there is no database of that name. */
  get(name: string): Connection {
    const known = this.#members.get(name);
    if (known?.db.isOpen) return known;
    const database = this.#first.db.databases.get(name);
    if (!database) throw new RangeError(`there is no database ${JSON.stringify(name)} beside this one`);
    const made = database.connectBeside(this, this.#first.before);
    this.#members.set(name, made);
    made.openAlone(this.#manager!, this.#sync);
    return made;
  }

  /** Opens them. */
  open(manager: TransactionManager, sync: boolean): void {
    this.#manager = manager;
    this.#sync = sync;
    for (const [name, member] of this.#members) {
      if (member.db.isOpen) member.openAlone(manager, sync);
      else this.#members.delete(name);
    }
  }

  /** Closes them and gives the first one back. @throws {ConnectionStateError} when one of them has changes. */
  close(): void {
    for (const { hasChanges, db } of this.members) {
      if (!hasChanges) continue;
      throw new ConnectionStateError(
        `can't close a connection to database ${db.databaseName} that is joined to a transaction: commit or abort first`,
      );
    }
    for (const member of this.members) member.closeAlone();
    this.#manager = undefined;
    this.#first.db.closed(this.#first);
  }

  /** Hears that nobody will open them again. */
  discard(): void {
    for (const member of this.members) if (member !== this.#first) member.db.forget(member);
  }
}
