/**
 * A disk in memory that fails, fills up, makes a sync wait, and forgets in a crash what was not synced.
 *
 * What a crash leaves of a file: what was synced, and of the changes since then, in their order, as many as chance
 * has it, the last one perhaps in part. Names (a file made, renamed, removed) survive by the same rule, with
 * `syncDirectory` for the sync. With {@linkcode CrashOptions.reorder} any of the changes may be missing, and with
 * {@linkcode CrashOptions.sectors} any piece of them. A process that is killed loses nothing, and makes nothing durable:
 * {@linkcode FaultyDisk.restart}.
 *
 * @module
 */

import type { Disk, DiskFile, OpenMode } from "../../storage/mod.ts";

/** A call that changes something or makes it durable. */
export interface DiskCall {
  readonly kind: "create" | "write" | "truncate" | "sync" | "rename" | "link" | "remove" | "syncDirectory";
  readonly path: string;
  /** Where a write goes. */
  readonly position?: number;
  /** Bytes of a write, or the size of a truncation. */
  readonly length?: number;
  /** The how-manieth call of this kind on this path it is, from 1. */
  readonly number: number;
}

/** How a call fails. */
export interface Fault {
  readonly error: Error;
  /** Bytes that a write gets done before it fails; none unless told otherwise. */
  readonly written?: number;
}

/** How much a crash destroys. */
export interface CrashOptions {
  /** Numbers from 0 up to 1. */
  readonly random: () => number;
  /** Whether an earlier change may be lost although a later one is kept. */
  readonly reorder?: boolean;
  /** Whether any 512 bytes of a write may be lost, wherever they are. */
  readonly sectors?: boolean;
}

const SECTOR = 512;

/** A sync that waits for the test. */
export interface WaitingSync {
  readonly path: string;
  complete(): void;
  fail(error: Error): void;
}

type Change =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

type NameChange = (names: Map<string, Content>) => void;

/** Bytes that grow without a copy for each write. */
class Bytes {
  #buffer = new Uint8Array(64);
  size = 0;

  view(): Uint8Array {
    return this.#buffer.subarray(0, this.size);
  }

  apply(change: Change): void {
    if (change.kind === "write") {
      this.#resize(Math.max(this.size, change.position + change.bytes.length));
      this.#buffer.set(change.bytes, change.position);
    } else this.#resize(change.size);
  }

  #resize(size: number): void {
    if (size > this.#buffer.length) {
      const bigger = new Uint8Array(Math.max(size, this.#buffer.length * 2));
      bigger.set(this.view());
      this.#buffer = bigger;
    }
    if (size < this.size) this.#buffer.fill(0, size, this.size);
    this.size = size;
  }
}

/** A file as everybody sees it, and as it would be after a crash. */
class Content {
  readonly now = new Bytes();
  readonly durable = new Bytes();
  pending: Change[] = [];

  change(change: Change): void {
    this.now.apply(change);
    this.pending.push(change);
  }

  /** Answers what makes durable all changes up to now, and none that come after. */
  syncing(): () => void {
    const last = this.pending.at(-1);
    return () => {
      const count = last === undefined ? 0 : this.pending.indexOf(last) + 1;
      for (const change of this.pending.splice(0, count)) this.durable.apply(change);
    };
  }

  survivor({ random, reorder, sectors }: CrashOptions): Content {
    const survivor = new Content();
    survivor.change({ kind: "write", position: 0, bytes: this.durable.view().slice() });
    if (sectors) {
      for (const change of this.pending) {
        for (const piece of change.kind === "write" ? sectorsOf(change) : [change]) {
          if (random() < 0.7) survivor.change(piece);
        }
      }
      survivor.syncing()();
      return survivor;
    }
    const kept = reorder
      ? this.pending.filter(() => random() < 0.6)
      : this.pending.slice(0, Math.floor(random() * (this.pending.length + 1)));
    for (const [number, change] of kept.entries()) {
      const torn = change.kind === "write" && number === kept.length - 1 && random() < 0.5;
      if (torn) {
        const length = Math.floor(random() * (change.bytes.length + 1));
        survivor.change({ ...change, bytes: change.bytes.subarray(0, length) });
      } else survivor.change(change);
    }
    survivor.syncing()();
    return survivor;
  }
}

function* sectorsOf({ position, bytes }: Change & { kind: "write" }): Generator<Change> {
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + SECTOR - (position + start) % SECTOR);
    yield { kind: "write", position: position + start, bytes: bytes.subarray(start, end) };
    start = end;
  }
}

/** See the module. */
export class FaultyDisk implements Disk {
  #names = new Map<string, Content>();
  #durableNames = new Map<string, Content>();
  #pendingNames: NameChange[] = [];
  readonly #counts = new Map<string, number>();
  #off = false;
  /** Every call that changes something, in order. */
  readonly calls: DiskCall[] = [];
  /** Syncs that wait, where {@linkcode FaultyDisk.holdSyncs} says so. */
  readonly waiting: WaitingSync[] = [];
  /** Whether a `sync` waits for the test. `syncNow` never does. */
  holdSyncs = false;
  /** How many turns of other promises a `sync` takes. */
  syncTurns = 0;
  /** Bytes that fit; a write beyond is done in part and fails with `ENOSPC`. */
  capacity = Infinity;
  /** Says whether a call is to fail. */
  fault: (call: DiskCall) => Fault | undefined = () => undefined;
  /** Open files. */
  openFiles = 0;
  /** Gives a file a second name; missing unless {@linkcode FaultyDisk.allowLinks} says otherwise, as on some disks. */
  link?: (from: string, to: string) => void;

  /** From now on a file can have two names. */
  allowLinks(): this {
    this.link = (from, to) => {
      this.#begin("link", from);
      const content = this.#find(from);
      if (this.#names.has(to)) throw Object.assign(new Error(`${to} is there`), { code: "EEXIST" });
      this.#rename((names) => names.set(to, content));
    };
    return this;
  }

  /** A disk with files that are durable. */
  static with(files: Readonly<Record<string, Uint8Array>>): FaultyDisk {
    const disk = new FaultyDisk();
    for (const [path, bytes] of Object.entries(files)) {
      const content = new Content();
      content.change({ kind: "write", position: 0, bytes: bytes.slice() });
      content.syncing()();
      disk.#names.set(path, content);
    }
    disk.#durableNames = new Map(disk.#names);
    return disk;
  }

  /** The paths of all files, in order. */
  get paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** A copy of a file's bytes, as everybody sees them. */
  content(path: string): Uint8Array<ArrayBuffer> {
    return this.#find(path).now.view().slice();
  }

  /** A copy of what is durable of a file. */
  durable(path: string): Uint8Array<ArrayBuffer> {
    return this.#find(path).durable.view().slice();
  }

  /** Appends to a file behind its owner's back. */
  append(path: string, bytes: Uint8Array): void {
    const content = this.#find(path);
    content.change({ kind: "write", position: content.now.size, bytes: bytes.slice() });
  }

  /** Fails all calls of the process that has used it, and answers the disk as the next process finds it. */
  restart(): FaultyDisk {
    this.#off = true;
    const after = this.#another();
    after.#names = this.#names;
    after.#durableNames = this.#durableNames;
    after.#pendingNames = this.#pendingNames;
    return after;
  }

  #another(): FaultyDisk {
    const another = new FaultyDisk();
    return this.link ? another.allowLinks() : another;
  }

  /** Fails all calls from now on, and answers the disk as it is found when the power is back. */
  crash(options: CrashOptions): FaultyDisk {
    this.#off = true;
    const after = this.#another();
    const kept = Math.floor(options.random() * (this.#pendingNames.length + 1));
    for (const change of this.#pendingNames.slice(0, kept)) change(this.#durableNames);
    const survivors = new Map<Content, Content>();
    for (const [path, content] of this.#durableNames) {
      const survivor = survivors.get(content) ?? content.survivor(options);
      survivors.set(content, survivor);
      after.#names.set(path, survivor);
    }
    after.#durableNames = new Map(after.#names);
    return after;
  }

  /** Lets all syncs that wait be done, and holds none from now on. */
  releaseSyncs(): void {
    this.holdSyncs = false;
    for (const sync of this.waiting) sync.complete();
  }

  open(path: string, mode: OpenMode): DiskFile {
    this.#checkPower();
    if (mode === "create") {
      this.#begin("create", path);
      const content = this.#names.get(path);
      if (content) content.change({ kind: "truncate", size: 0 });
      else {
        const made = new Content();
        this.#rename((names) => names.set(path, made));
      }
    }
    const content = this.#names.get(path);
    if (!content) throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
    this.openFiles++;
    return this.#file(path, content, mode !== "read");
  }

  exists(path: string): boolean {
    this.#checkPower();
    return this.#names.has(path);
  }

  rename(from: string, to: string): void {
    this.#begin("rename", from);
    const content = this.#find(from);
    this.#rename((names) => {
      names.delete(from);
      names.set(to, content);
    });
  }

  remove(path: string): void {
    this.#checkPower();
    if (!this.#names.has(path)) return;
    this.#begin("remove", path);
    this.#rename((names) => names.delete(path));
  }

  syncDirectory(path: string): void {
    this.#begin("syncDirectory", path);
    for (const change of this.#pendingNames.splice(0)) change(this.#durableNames);
  }

  #file(path: string, content: Content, writable: boolean): DiskFile {
    let closed = false;
    const begin = (kind: DiskCall["kind"], position?: number, length?: number): Fault | undefined => {
      check();
      if (!writable) throw new Error(`${path} was opened to be read, ${kind} refused`);
      return this.#count(kind, path, position, length);
    };
    const check = () => {
      this.#checkPower();
      if (closed) throw new Error(`${path} is closed`);
    };
    return {
      path,
      size: () => (check(), content.now.size),
      read: (buffer, position) => {
        check();
        const bytes = content.now.view().subarray(position, position + buffer.length);
        buffer.set(bytes);
        return bytes.length;
      },
      write: (bytes, position) => {
        const room = this.capacity - this.used + content.now.size - position;
        const fault = begin("write", position, bytes.length) ??
          (bytes.length > room
            ? { error: Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" }), written: room }
            : undefined);
        const done = fault ? Math.max(fault.written ?? 0, 0) : bytes.length;
        // A write of nothing doesn't make a file longer.
        if (done > 0) content.change({ kind: "write", position, bytes: bytes.slice(0, done) });
        if (fault) throw fault.error;
      },
      truncate: (size) => {
        raise(begin("truncate", undefined, size));
        content.change({ kind: "truncate", size });
      },
      sync: async () => {
        const durable = content.syncing();
        const fault = begin("sync");
        if (this.holdSyncs) {
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          this.waiting.push({ path, complete: resolve, fail: reject });
          await promise;
        }
        for (let turn = 0; turn < this.syncTurns; turn++) await undefined;
        this.#checkPower();
        raise(fault);
        durable();
      },
      syncNow: () => {
        raise(begin("sync"));
        content.syncing()();
      },
      close: () => {
        if (closed) return;
        closed = true;
        this.openFiles--;
      },
    };
  }

  /** Bytes of all files. */
  get used(): number {
    let used = 0;
    for (const content of this.#names.values()) used += content.now.size;
    return used;
  }

  #find(path: string): Content {
    const content = this.#names.get(path);
    if (!content) throw new Error(`no file ${path}, there are ${this.paths}`);
    return content;
  }

  #rename(change: NameChange): void {
    change(this.#names);
    this.#pendingNames.push(change);
  }

  #begin(kind: DiskCall["kind"], path: string): void {
    this.#checkPower();
    raise(this.#count(kind, path));
  }

  #count(kind: DiskCall["kind"], path: string, position?: number, length?: number): Fault | undefined {
    const number = (this.#counts.get(`${kind} ${path}`) ?? 0) + 1;
    this.#counts.set(`${kind} ${path}`, number);
    const call = { kind, path, position, length, number };
    this.calls.push(call);
    return this.fault(call);
  }

  #checkPower(): void {
    if (this.#off) throw new Error("the machine has crashed");
  }
}

function raise(fault: Fault | undefined): void {
  if (fault) throw fault.error;
}
