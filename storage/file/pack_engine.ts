/**
 * The work of a pack, from the old file to a new one beside it. Nothing here touches the old file, and nothing here
 * knows of the storage that goes on committing to it.
 *
 *   prepare ─▶ copy ─▶ copy … ─▶ saveIndex ─▶ parts ─▶ copy … ─▶ copy (durable) ─▶ close
 *
 * @module
 */

import { dirname } from "@std/path";
import type { Awaitable, Oid, Tid } from "../../values/mod.ts";
import type { Disk, DiskFile } from "../disk.ts";
import { indexPath, saveIndex } from "./index_file.ts";
import { OidIndex, type OidIndexPart } from "./oid_index.ts";
import { copyPacked, type PackCopy } from "./pack_copy.ts";
import { PackCursor } from "./pack_cursor.ts";
import { copyLater } from "./pack_later.ts";
import { PackOutput } from "./pack_output.ts";
import { packPath } from "./pack_paths.ts";
import type { Pace } from "./pack_pace.ts";
import { Reachable, type References } from "./pack_reach.ts";
import { PackReader } from "./pack_reader.ts";
import { scanToPackTime } from "./pack_scan.ts";
import { FileWindow } from "./scan_window.ts";

/** What is to be packed, and how. It can be sent to another thread. */
export interface PackJob {
  /** The Data.fs. */
  readonly path: string;
  /** The last transaction that is packed. */
  readonly until: Tid;
  /** Whether objects that can't be reached from the root are dropped. */
  readonly gc: boolean;
  /** Where to write which revisions of blobs were dropped. */
  readonly removedList?: string;
}

/** What preparing came to. Of a `redundant` pack and one with `nothing` to free no file is left. */
export type Prepared = "copied" | "redundant" | "nothing";

/** What came of copying later transactions. */
export interface PackRound {
  /** Bytes of the new file. */
  readonly size: number;
  /** Objects that have a new place, once parts of the index were handed over, and the places. */
  readonly oids: BigUint64Array<ArrayBuffer>;
  readonly positions: Float64Array<ArrayBuffer>;
  /** Whether a transaction refers to an object that was dropped, so that all has to be prepared again. */
  readonly again: boolean;
}

/** The work of a pack, in this thread or another. The calls come one after the other. */
export interface PackWork {
  /** Writes the new file up to position `end` of the old one. */
  prepare(end: number): Awaitable<Prepared>;
  /** Copies transactions that came since. @param durable Whether to make all of it durable then. */
  copy(end: number, durable: boolean): Awaitable<PackRound>;
  /** Writes the new file's index beside it. Answers what went wrong, in words. */
  saveIndex(): Awaitable<string | undefined>;
  /** Copies the new file's index. From then on each round tells its changes. */
  parts(take: (part: OidIndexPart) => void): Awaitable<void>;
  /** Removes a file, and makes that durable: it may take long, and nobody is to wait for it. */
  remove(path: string): Awaitable<void>;
  /** Makes names in the file's directory durable. */
  syncDirectory(): Awaitable<void>;
  /** Closes the files. */
  close(): Awaitable<void>;
}

/** How often all is prepared with garbage collection before it is done without. */
const MOST_ATTEMPTS = 4;

/** See the module. */
export class PackEngine implements PackWork {
  readonly #job: PackJob;
  readonly #disk: Disk;
  readonly #references: References;
  readonly #pace: Pace;
  readonly #old: DiskFile;
  readonly #window: FileWindow;
  readonly #reader: PackReader;
  /** Objects that have to be kept because a later transaction refers to them. */
  readonly #missed = new Set<Oid>();
  #output?: PackOutput;
  #removed?: PackOutput;
  #copy?: PackCopy;
  #copiedTo = 0;
  #attempts = 0;
  #gc = false;
  #changes?: [oid: Oid, position: number][];

  constructor(job: PackJob, disk: Disk, references: References, pace: Pace) {
    this.#job = job;
    this.#disk = disk;
    this.#references = references;
    this.#pace = pace;
    this.#old = disk.open(job.path, "read");
    this.#window = new FileWindow(this.#old);
    this.#reader = new PackReader(this.#old);
  }

  async prepare(end: number): Promise<Prepared> {
    this.#forgetOutput();
    this.#forgetWindows();
    const { path, until } = this.#job;
    // Somebody who keeps bringing back what was dropped must not keep the pack from ending.
    const gc = this.#gc = this.#job.gc && ++this.#attempts <= MOST_ATTEMPTS;
    const { current, position, redundant, packed } = await scanToPackTime(
      this.#window,
      end,
      until,
      this.#pace,
    );
    if (redundant) return "redundant";
    const reachable = new Reachable(current, this.#reader, this.#references, this.#pace, path);
    this.#pace.begin("reach", position);
    if (gc) await reachable.addFromRoot();
    else reachable.addAll();
    for (const oid of this.#missed) reachable.addNeeded(oid);
    await this.#addLater(reachable, position, end);
    if (gc) await reachable.followLater();
    this.#output = new PackOutput(this.#disk, packPath(path));
    if (this.#job.removedList !== undefined) {
      this.#removed = new PackOutput(this.#disk, this.#job.removedList);
    }
    const copy: PackCopy = this.#copy = {
      cursor: new PackCursor(this.#window),
      reader: this.#reader,
      output: this.#output,
      index: new OidIndex(),
      reachable,
      moved: new Map(),
      removed: this.#removed,
      pace: this.#pace,
    };
    await copyPacked(copy, reachable.kept(), position);
    this.#removed?.flush();
    if (this.#output.position === position) {
      this.#forgetOutput();
      return packed ? "redundant" : "nothing";
    }
    this.#copiedTo = position;
    this.#pace.begin("follow", end - position);
    // What is referred to from here was seen to when it was decided what to keep.
    await copyLater(copy, position, end, {});
    this.#copiedTo = end;
    return "copied";
  }

  /** Keeps what transactions after the pack time, which are there already, share or refer to. */
  async #addLater(reachable: Reachable, position: number, end: number): Promise<void> {
    const cursor = new PackCursor(new FileWindow(this.#old));
    /** What was written since: of that, nobody needs what was there at the pack time. */
    const written = new OidIndex();
    for (let at = position; at < end; at = cursor.end) {
      cursor.enter(at, end);
      while (cursor.next()) {
        const { oid, size, back } = cursor;
        written.set(oid, cursor.position);
        if (back !== 0 && back < position) reachable.addShared(oid, back);
        const pause = this.#pace.step(size, 1);
        if (pause) await pause;
      }
      if (!this.#gc) continue;
      cursor.enter(at, end);
      while (cursor.next()) {
        for (const oid of this.#referencesAt(cursor.position)) {
          if (!written.has(oid)) reachable.addNeeded(oid);
        }
        const pause = this.#pace.step(cursor.size, 1);
        if (pause) await pause;
      }
    }
  }

  /** The references in a later record. One that can't be read is none of this pack's business. */
  #referencesAt(position: number): readonly Oid[] {
    const data = this.#reader.data(position, true);
    return data === null ? [] : this.#laterReferences(data);
  }

  #laterReferences = (data: Uint8Array): readonly Oid[] => {
    try {
      return this.#references(data);
    } catch {
      return [];
    }
  };

  async copy(end: number, durable: boolean): Promise<PackRound> {
    const copy = this.#copy!;
    this.#forgetWindows();
    const missed = this.#missed.size;
    if (this.#changes) this.#changes = [];
    await copyLater(copy, this.#copiedTo, end, {
      moved: this.#changes && ((oid, position) => this.#changes!.push([oid, position])),
      references: this.#gc ? this.#laterReferences : undefined,
      misses: (oid) => this.#missed.add(oid),
    });
    this.#copiedTo = end;
    copy.output.flush();
    if (durable) {
      await copy.output.sync();
      this.#removed?.sync();
    }
    const changes = this.#changes ?? [];
    return {
      size: copy.output.position,
      oids: BigUint64Array.from(changes, ([oid]) => oid),
      positions: Float64Array.from(changes, ([, position]) => position),
      again: this.#missed.size > missed,
    };
  }

  saveIndex(): string | undefined {
    const { output, index } = this.#copy!;
    output.flush();
    return saveIndex(packPath(this.#job.path), index, output.position, this.#disk);
  }

  async parts(take: (part: OidIndexPart) => void): Promise<void> {
    this.#changes = [];
    for (const part of this.#copy!.index.parts()) {
      take(part);
      const pause = this.#pace.step(part.positions.byteLength, 0);
      if (pause) await pause;
    }
  }

  remove(path: string): void {
    this.#disk.remove(path);
    this.syncDirectory();
  }

  syncDirectory(): void {
    this.#disk.syncDirectory(dirname(this.#job.path));
  }

  close(): void {
    this.#output?.close();
    this.#removed?.close();
    this.#old.close();
  }

  #forgetWindows(): void {
    this.#window.forget();
    this.#reader.forget();
  }

  /** Gives up what was written. */
  #forgetOutput(): void {
    this.#output?.close();
    this.#removed?.close();
    this.#output =
      this.#removed =
      this.#copy =
      this.#changes =
        undefined;
    removePackFiles(this.#job, this.#disk);
  }
}

/** Removes what a pack that came to nothing has written, now or before a crash. */
export function removePackFiles({ path, removedList }: PackJob, disk: Disk): void {
  // The list first: a list without a packed file beside it counts as one of a pack that has got into place.
  if (removedList !== undefined) disk.remove(removedList);
  disk.remove(packPath(path));
  disk.remove(indexPath(packPath(path)));
}
