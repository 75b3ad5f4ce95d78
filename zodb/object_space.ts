/**
 * The objects of one connection, and how they come to life: the cache, references, and loading.
 *
 * A view of the database is fixed by one number, `before`: every load finds the revision that was current just before
 * that transaction. When the view moves, a load that is under way is done again.
 *
 * @module
 */

import { PickleError, readRecord, type Value } from "../pickle/mod.ts";
import { type Loaded, type Storage, supportsBlobs } from "../storage/mod.ts";
import {
  type Awaitable,
  ConnectionStateError,
  formatOid,
  formatTid,
  InvalidObjectReference,
  isPromise,
  NO_TID,
  type Oid,
  POSKeyError,
  ReadConflictError,
  StorageError,
  type Tid,
  Unsupported,
  when,
} from "../values/mod.ts";
import type { ClassRegistry, DictStyle } from "./classes.ts";
import type { Connection } from "./connection.ts";
import { CONTROL, type Control, GHOST, type Jar } from "./control.ts";
import { GhostError } from "./errors.ts";
import { type CacheLimits, ObjectCache } from "./object_cache.ts";
import type { PersistentBase } from "./persistent.ts";
import type { WrittenRecord } from "./savepoint_store.ts";
import {
  classNameOf,
  describeNew,
  descriptionOf,
  instantiateDescribed,
  keepDescription,
  referenceClass,
} from "./serialization/class_description.ts";
import { parsePersistentId, type PersistentIds } from "./serialization/persistent_id.ts";
import { RecordWriter } from "./serialization/record_writer.ts";
import { StateReader } from "./serialization/state_reader.ts";
import { StateWriter } from "./serialization/state_writer.ts";
import { run, type Steps, wait } from "./steps.ts";
import { WeakReference } from "./types/weak_reference.ts";

/** What a space is made with. */
export interface ObjectSpaceOptions {
  readonly connection: Connection;
  readonly storage: Storage;
  readonly classes: ClassRegistry;
  readonly dicts: DictStyle;
  readonly limits: CacheLimits;
  /** Whether references into other databases may be written. */
  readonly crossReferences: boolean;
  /** Hears of an object's first change. */
  readonly register: (control: Control) => void;
  /** Makes an object that was found while writing one of this database: gives it an id, and has it stored. */
  readonly adopt: (control: Control) => void;
  /** A record that this transaction has written to the side, at a savepoint. */
  readonly written: (oid: Oid) => WrittenRecord | undefined;
  /** The space of another database in the same transaction. */
  readonly foreign: (database: string) => ObjectSpace;
  /** Whether an object's state is nowhere but in the object. */
  readonly isUnwritten: (oid: Oid) => boolean;
  /** Whether an object is new, and there only because another of this database refers to it. */
  readonly isAdopted: (oid: Oid) => boolean;
}

/** A reference that doesn't tell the class: the record of the object has to be looked at first. */
class ClassNeeded {
  constructor(readonly space: ObjectSpace, readonly oid: Oid) {}
}

/** See the module. */
export class ObjectSpace implements Jar {
  readonly connection: Connection;
  readonly cache: ObjectCache;
  /** Loads find revisions older than this; undefined before the first transaction. */
  before: Tid | undefined;
  /** Whether touching a ghost loads it where that takes no waiting. */
  synchronous = false;
  open = true;
  /** How many objects were loaded, and stored. */
  loads = 0;
  readonly #options: ObjectSpaceOptions;
  readonly #writer: RecordWriter;
  readonly #readers: { [style in DictStyle]?: StateReader } = {};
  /** Goes up when the view moves. */
  #epoch = 0;

  constructor(options: ObjectSpaceOptions) {
    this.#options = options;
    this.connection = options.connection;
    this.cache = new ObjectCache(options.limits);
    this.#writer = new RecordWriter({
      classes: options.classes,
      reference: (object, ids) => this.#persistentId(object[CONTROL], ids),
      weakReference: (reference, ids) => this.#weakId(reference, ids),
    });
  }

  /** Moves the view. */
  moveTo(before: Tid): void {
    this.before = before;
    this.#epoch++;
  }

  /** Forgets what was loaded of these objects. */
  invalidate(oids: Iterable<Oid>): void {
    this.#epoch++;
    for (const oid of oids) this.cache.get(oid)?._p_invalidate();
  }

  /** Forgets what was loaded of all objects. */
  invalidateAll(): void {
    this.#epoch++;
    for (const object of this.cache.objects()) object._p_invalidate();
  }

  /** Where files for blobs are made; undefined when the storage keeps none. */
  get blobDirectory(): string | undefined {
    const { storage } = this.#options;
    return supportsBlobs(storage) ? storage.temporaryDirectory : undefined;
  }

  /** The file with a blob's content, as this transaction has it. */
  blobFile(blob: PersistentBase): Awaitable<string> {
    const { storage, written } = this.#options, { oid, serial } = blob[CONTROL];
    const own = written(oid!)?.blob;
    if (own !== undefined) return own;
    if (!supportsBlobs(storage)) throw new Unsupported(`${storage.name} keeps no blobs`);
    return storage.loadBlob(oid!, serial);
  }

  register(control: Control): void {
    this.#requireOpen("change", control.oid!);
    this.#options.register(control);
  }

  used(control: Control): void {
    this.cache.used(control);
  }

  isUnwritten(control: Control): boolean {
    return this.#options.isUnwritten(control.oid!);
  }

  emptied(control: Control): void {
    this.cache.emptied(control);
  }

  activate(control: Control): Awaitable<void> {
    if (control.loading) return control.loading;
    const loading = this.#load(control);
    if (!isPromise(loading)) return;
    return control.loading = loading.finally(() => control.loading = undefined);
  }

  fault(control: Control): void {
    if (this.synchronous) {
      const loading = this.activate(control);
      if (!isPromise(loading)) return;
      loading.catch(() => {});
    }
    throw new GhostError(classNameOf(this.#options.classes, control), control.oid!);
  }

  /** The object of an id: from the cache, or as a ghost of the class that its record tells. */
  get(oid: Oid): Awaitable<PersistentBase> {
    this.#requireOpen("get", oid);
    const cached = this.cache.get(oid);
    if (cached) return cached;
    return when(this.#record(oid), ({ data }) => {
      const found = this.cache.get(oid);
      if (found) return found;
      const { class: description } = readRecord(data);
      return this.#made(oid, description);
    });
  }

  /** The record of an object in this view. @throws {ReadConflictError} when it isn't in the view. */
  #record(oid: Oid): Awaitable<{ readonly data: Uint8Array; readonly serial: Tid }> {
    const written = this.#options.written(oid);
    if (written) return written;
    const { before } = this;
    if (before === undefined) {
      throw new ConnectionStateError(`load of ${formatOid(oid)}: no transaction has been begun`);
    }
    const epoch = this.#epoch;
    return when(this.#options.storage.loadBefore(oid, before), (loaded: Loaded | null) => {
      if (epoch !== this.#epoch) return this.#record(oid);
      if (loaded) return loaded;
      // Trying again shows the past no other way.
      if (this.connection.before !== undefined) throw new POSKeyError(oid);
      throw new ReadConflictError(
        { oid, committed: before, read: before },
        `load ${formatOid(oid)} before ${
          formatTid(before)
        }: object deleted, likely by a pack at the same time`,
      );
    });
  }

  #load(control: Control): Awaitable<void> {
    this.#requireOpen("load the state of", control.oid!);
    return when(this.#record(control.oid!), (found) => this.#fill(control, found));
  }

  #fill(control: Control, found: { readonly data: Uint8Array; readonly serial: Tid }): Awaitable<void> {
    if (control.state !== GHOST) return;
    if (control.jar !== this) return;
    const epoch = this.#epoch;
    try {
      const { description, state } = this.#parse(control, found.data);
      keepDescription(control, description);
      control.fill(state, found.serial, found.data.length);
    } catch (error) {
      if (!(error instanceof ClassNeeded)) throw this.#explained(error, control);
      // Held until the end, so that the second reading finds it in the cache.
      return when(error.space.get(error.oid), (held) => {
        const again = epoch === this.#epoch ? this.#fill(control, found) : this.#load(control);
        return when(again, () => void held);
      });
    }
    this.loads++;
    this.cache.filled(control);
  }

  #explained(error: unknown, control: Control): unknown {
    if (!(error instanceof PickleError || error instanceof RangeError)) return error;
    const name = classNameOf(this.#options.classes, control);
    return new StorageError(`${name} ${formatOid(control.oid!)}: its record can't be read`, { cause: error });
  }

  #parse(control: Control, data: Uint8Array): { readonly description: Value; readonly state: unknown } {
    const { class: description, state } = readRecord(data);
    return { description, state: this.#reader(control).state(state) };
  }

  #reader(control: Control): StateReader {
    const { classes, dicts } = this.#options;
    const style = classes.of(control.object.constructor)?.dicts ?? dicts;
    return this.#readers[style] ??= new StateReader({
      classes,
      dicts: style,
      reference: (pid) => this.#referred(pid),
    });
  }

  /** The state in some record of an object, as values. */
  stateIn(control: Control, data: Uint8Array): unknown {
    return this.#parse(control, data).state;
  }

  #referred(pid: Value): unknown {
    const { oid, class: description, database, weak } = parsePersistentId(pid);
    if (weak) {
      const target = { fetch: (oid: Oid, database?: string) => run(this.#fetch(oid, database)) };
      return new WeakReference({ oid, database, target });
    }
    const space = database === undefined ? this : this.#options.foreign(database);
    const cached = space.cache.get(oid);
    if (cached) return cached;
    if (description === undefined) throw new ClassNeeded(space, oid);
    return space.#made(oid, description);
  }

  *#fetch(oid: Oid, database?: string): Steps<PersistentBase | undefined> {
    const space = database === undefined ? this : this.#options.foreign(database);
    try {
      const object = yield* wait(space.get(oid));
      yield* wait(object._p_activate());
      return object;
    } catch (error) {
      if (error instanceof POSKeyError) return undefined;
      throw error;
    }
  }

  /** A new ghost. */
  #made(oid: Oid, description: Value): PersistentBase {
    const object = instantiateDescribed(this.#options.classes, description), control = object[CONTROL];
    control.oid = oid;
    control.jar = this;
    control.state = GHOST;
    this.cache.add(control);
    return object;
  }

  /** The record of a loaded object as it is now; new objects that it refers to are adopted. */
  write(control: Control): Uint8Array {
    if (control.state === GHOST) {
      const name = classNameOf(this.#options.classes, control);
      throw new StorageError(`${name} ${formatOid(control.oid!)} is to be stored, and has lost its state`);
    }
    const { classes } = this.#options;
    try {
      this.#describe(control);
      return this.#writer.write(descriptionOf(classes, control), control.object.__getstate__());
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
      const name = classNameOf(classes, control);
      throw new TypeError(`${name} ${formatOid(control.oid!)}: ${error.message}`, { cause: error });
    }
  }

  #persistentId(control: Control, ids: PersistentIds): Value {
    const { classes } = this.#options;
    if (control.jar === undefined) this.#adopt(control);
    this.#describe(control);
    const description = referenceClass(classes, control);
    if (control.jar === this) return ids.of(control.oid!, description);
    return ids.of(control.oid!, description, this.#databaseOf(control));
  }

  #weakId(reference: WeakReference, ids: PersistentIds): Value {
    const { target } = reference;
    if (!target) return ids.weak(reference.oid!, reference.database);
    const control = target[CONTROL];
    if (control.jar === undefined) this.#adopt(control);
    return ids.weak(control.oid!, control.jar === this ? undefined : this.#databaseOf(control));
  }

  #describe(control: Control): void {
    // A ghost has been stored, and asking it for anything that it may not have would touch it.
    if (control.state === GHOST || !control.object.__getnewargs__) return;
    const { classes } = this.#options,
      refuse = () => {
        throw new TypeError("arguments of __new__ can't be objects");
      };
    describeNew(
      classes,
      control,
      (value) => new StateWriter({ classes, reference: refuse, weakReference: refuse }).write(value),
    );
  }

  #adopt(control: Control): void {
    // One without a state must not get into the database.
    control.touch();
    this.#options.adopt(control);
  }

  /** The database of another connection's object, if this one may refer to it. */
  #databaseOf(control: Control): string {
    const other = control.jar as ObjectSpace, name = other.connection.db.databaseName;
    const described = `${classNameOf(this.#options.classes, control)} ${formatOid(control.oid!)}`;
    let related: ObjectSpace | undefined;
    try {
      related = this.#options.foreign(name);
    } catch {
      // The other database is none of this one's set.
    }
    if (related !== other) {
      throw new InvalidObjectReference(
        `${described} belongs to a separate connection to the same database or multi-database`,
      );
    }
    if (!this.#options.crossReferences) {
      throw new InvalidObjectReference(
        `${described}: database ${this.connection.db.databaseName} doesn't allow references into others`,
      );
    }
    if (other.#options.isAdopted(control.oid!)) {
      throw new InvalidObjectReference(
        `${described} is new and reachable from more than one database: add it to the one it belongs to`,
      );
    }
    return name;
  }

  #requireOpen(what: string, oid: Oid): void {
    if (!this.open) {
      throw new ConnectionStateError(`${what} ${formatOid(oid)}: the database connection is closed`);
    }
  }
}

/** Takes an object out of a connection: it is a new one again. */
export function disown(control: Control): void {
  (control.jar as ObjectSpace | undefined)?.cache.remove(control);
  control.jar = control.oid = undefined;
  control.serial = NO_TID;
  if (control.state !== GHOST) control.state = 0;
}
