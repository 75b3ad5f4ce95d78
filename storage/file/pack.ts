/**
 * Packing a Data.fs that goes on being read and committed to.
 *
 * Another thread writes the packed file, `Data.fs.pack`, and follows the commits that come meanwhile. When it has
 * nearly caught up, commits are held for some milliseconds, the rest is copied, and the new file takes the place of
 * the old one. Reads never wait.
 *
 *   1  Data.fs.pack is complete and durable, and so is an index for it; commits are held
 *   2  Data.fs.index is removed: it must not be taken for the new file's
 *   3  Data.fs.old becomes a second name of Data.fs, where the old file is kept
 *   4  Data.fs.pack is renamed to Data.fs: from here on it is the database
 *   5  the new index is renamed to Data.fs.index
 *   6  the directory is made durable; commits go on, in the new file
 *
 * At any moment there is a whole Data.fs: the old one up to step 3, the new one, with every transaction that was
 * acknowledged, from step 4 on. (Where no file can have two names it is renamed in step 3, and gets its name back at the
 * next start if it comes to that.) Without an index it is read in full at the next start, and that is all.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { FileStorageError } from "../../values/mod.ts";
import { type Disk, realDisk } from "../disk.ts";
import type { PackOptions, PackResult } from "../pack.ts";
import type { Appender } from "./appender.ts";
import { indexPath } from "./index_file.ts";
import { OidIndex } from "./oid_index.ts";
import { PackEngine, type PackJob, type PackRound, type PackWork, removePackFiles } from "./pack_engine.ts";
import { packError, PackStopped } from "./pack_messages.ts";
import { PackLog } from "./pack_log.ts";
import { Pace } from "./pack_pace.ts";
import { oldPath, packPath } from "./pack_paths.ts";
import { packReferences } from "./pack_references.ts";
import { RemotePack } from "./pack_remote.ts";
import { packTid } from "../pack_time.ts";
import type { RecordReader } from "./record_reader.ts";
import type { VisibleFile } from "./visible_file.ts";
import type { Voting } from "./voting.ts";

const log = getLogger(["zeo", "storage", "file"]);

/** Bytes that may be left to copy when commits are held. */
const NEARLY_THERE = 64 << 10;

/** How often commits are held only to find that too much has come in between; then they wait for it. */
const MOST_TRIES = 8;

/** Milliseconds until it is looked again whether a transaction that relies on positions is done. */
const LOOK_AGAIN = 20;

/** Entries that are put into the index in one go. */
const ENTRIES = 8192;

/** Milliseconds of work in the serving thread before others have their turn. */
const TURN = 4;

/** The storage's parts that a pack has to do with. */
export interface PackedStorage {
  readonly path: string;
  readonly disk: Disk;
  readonly visible: VisibleFile;
  readonly appender: Appender;
  readonly voting: Voting;
  /** Makes a reader for a new file. */
  reader(file: VisibleFile["file"]): RecordReader;
}

/** How it is packed unless the call says otherwise. */
export interface PackDefaults {
  readonly gc: boolean;
  readonly keepOld: boolean;
}

type Run = { readonly done: Promise<PackResult>; readonly stop: () => void };

/** See the module. */
export class FilePacker {
  readonly #storage: PackedStorage;
  readonly #defaults: PackDefaults;
  #run?: Run;

  constructor(storage: PackedStorage, defaults: PackDefaults) {
    this.#storage = storage;
    this.#defaults = defaults;
  }

  /** See {@linkcode Packable.pack}. */
  async pack(time: number, options: PackOptions): Promise<PackResult> {
    if (this.#run) throw new FileStorageError("Already packing");
    const job: PackJob = {
      path: this.#storage.path,
      until: packTid(time),
      gc: options.gc ?? this.#defaults.gc,
      removedList: options.removedList,
    };
    const { signal } = options;
    signal?.throwIfAborted();
    const pack = new Pack(this.#storage, job, options, options.keepOld ?? this.#defaults.keepOld);
    const stop = () => pack.stop();
    signal?.addEventListener("abort", stop);
    const run = this.#run = { done: pack.run(), stop };
    try {
      return await run.done;
    } catch (error) {
      if (!(error instanceof PackStopped)) throw error;
      throw signal?.aborted
        ? signal.reason
        : new FileStorageError(`${job.path}: pack given up: the storage is closed`);
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#run = undefined;
    }
  }

  /** Gives up the pack that is under way, and waits until nothing is left of it. */
  async stop(): Promise<void> {
    this.#run?.stop();
    await this.#run?.done.catch(() => {});
  }
}

/** One pack. */
class Pack {
  readonly #storage: PackedStorage;
  readonly #job: PackJob;
  readonly #options: PackOptions;
  readonly #keepOld: boolean;
  readonly #log: PackLog;
  #work!: PackWork;
  #stopped = false;
  /** How far the old file is copied. */
  #copiedTo = 0;

  constructor(storage: PackedStorage, job: PackJob, options: PackOptions, keepOld: boolean) {
    this.#storage = storage;
    this.#job = job;
    this.#options = options;
    this.#keepOld = keepOld;
    this.#log = new PackLog(job.path, options.progress);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#work instanceof RemotePack) this.#work.stop();
  }

  async run(): Promise<PackResult> {
    const { visible, disk, path } = this.#storage;
    const before = { size: visible.end, objects: visible.index.size };
    const outcome = before.objects === 0 ? "nothing" : await this.#outcome();
    const result: PackResult = {
      outcome,
      size: [before.size, visible.end],
      objects: [before.objects, visible.index.size],
    };
    this.#log.end(result);
    if (outcome === "packed" && !this.#keepOld && disk.exists(oldPath(path))) {
      log.warn(`${oldPath(path)}: could not be removed`);
    }
    return result;
  }

  async #outcome(): Promise<PackResult["outcome"]> {
    const { disk, path } = this.#storage;
    try {
      // What a crash may have left.
      removePackFiles(this.#job, disk);
      this.#work = await this.#start();
      try {
        return await this.#pack();
      } finally {
        await this.#work.close();
      }
    } catch (error) {
      removePackFiles(this.#job, disk);
      throw packError(error, path);
    }
  }

  /** The work is done by another thread, unless the disk or the references are known to this one only. */
  async #start(): Promise<PackWork> {
    const { disk } = this.#storage;
    const { references } = this.#options;
    if (disk === realDisk && !references) {
      return await RemotePack.start(this.#job, (progress) => this.#log.progress(progress));
    }
    let turn = performance.now();
    const pace = new Pace((progress) => this.#log.progress(progress), () => {
      this.#goOn();
      if (performance.now() - turn < TURN) return undefined;
      return pause(0).then(() => {
        turn = performance.now();
      });
    });
    return new PackEngine(this.#job, disk, references ?? packReferences, pace);
  }

  async #pack(): Promise<PackResult["outcome"]> {
    const { visible } = this.#storage;
    for (;;) {
      this.#goOn();
      const end = visible.end;
      const prepared = await this.#work.prepare(end);
      if (prepared !== "copied") return prepared;
      this.#copiedTo = end;
      if (await this.#follow()) return "packed";
      log.info(`${this.#job.path}: something that the pack had dropped is in use again: once more`);
    }
  }

  /** Copies what was committed meanwhile, and changes over; false when all has to be prepared again. */
  async #follow(): Promise<boolean> {
    const { appender, voting, visible, disk, path } = this.#storage;
    if (!await this.#catchUp()) return false;
    const fault = await this.#work.saveIndex();
    if (fault !== undefined) log.warn(`${indexPath(packPath(path))}: not written: ${fault}`);
    if (!await this.#catchUp()) return false;
    const index = new OidIndex();
    await this.#work.parts((part) => index.adopt(part));
    if (disk.exists(oldPath(path))) await this.#work.remove(oldPath(path));
    for (let tries = 0;; tries++) {
      if (!await this.#catchUp(index) || !await this.#copy(true, index)) return false;
      if (voting.exclusive) {
        // It relies on positions in the old file, and its finish has been promised.
        await pause(LOOK_AGAIN);
        this.#goOn();
        continue;
      }
      appender.hold();
      let failure: unknown;
      try {
        await appender.idle();
        if (appender.failure) throw appender.failure;
        if (visible.end - this.#copiedTo > NEARLY_THERE && tries < MOST_TRIES) continue;
        if (!await this.#copy(true, index)) return false;
        // From here on it is all or nothing.
        this.#goOn();
        if (voting.exclusive) continue;
        this.#change(index);
        try {
          await this.#work.syncDirectory();
        } catch (error) {
          failure = error;
        }
        return true;
      } finally {
        appender.resume(failure);
      }
    }
  }

  /** Copies until little is left. */
  async #catchUp(index?: OidIndex): Promise<boolean> {
    while (this.#storage.visible.end - this.#copiedTo > NEARLY_THERE) {
      if (!await this.#copy(false, index)) return false;
    }
    return true;
  }

  #size = 0;

  /** Copies what there is; false when it refers to something that was dropped. */
  async #copy(durable: boolean, index?: OidIndex): Promise<boolean> {
    this.#goOn();
    const { end } = this.#storage.visible;
    const round = await this.#work.copy(end, durable);
    this.#copiedTo = end;
    this.#size = round.size;
    if (index) await applyRound(round, index);
    return !round.again;
  }

  /** Puts the new file in place of the old one. Whatever fails here leaves the old one in place. */
  #change(index: OidIndex): void {
    const { visible, appender, disk, path } = this.#storage;
    const pack = packPath(path);
    const file = disk.open(pack, "update");
    try {
      if (file.size() !== this.#size) {
        throw new FileStorageError(`${pack}: has ${file.size()} bytes, expected ${this.#size}`);
      }
      disk.remove(indexPath(path));
      if (this.#keepOld) keepOldFile(disk, path);
      disk.rename(pack, path);
    } catch (error) {
      file.close();
      if (!disk.exists(path)) disk.rename(oldPath(path), path);
      throw error;
    }
    const old = visible.file;
    const current = reopened(disk, path, file);
    visible.replace(current, index, this.#storage.reader(current), this.#size);
    appender.moved();
    old.close();
    try {
      disk.rename(indexPath(pack), indexPath(path));
    } catch (error) {
      log.warn(`${indexPath(path)}: not written: ${error}`);
    }
  }

  #goOn(): void {
    if (this.#stopped) throw new PackStopped("told to stop");
  }
}

function keepOldFile(disk: Disk, path: string): void {
  try {
    if (!disk.link) throw new Error("this disk has no second names for files");
    disk.link(path, oldPath(path));
  } catch (error) {
    log.info(`${oldPath(path)}: no second name for ${path}: ${error}; renamed`);
    disk.rename(path, oldPath(path));
  }
}

/** The file under its new name: the same one, only that errors name it rightly. */
function reopened(disk: Disk, path: string, file: VisibleFile["file"]): VisibleFile["file"] {
  try {
    const again = disk.open(path, "update");
    file.close();
    return again;
  } catch {
    return file;
  }
}

async function applyRound({ oids, positions }: PackRound, index: OidIndex): Promise<void> {
  for (let from = 0; from < oids.length; from += ENTRIES) {
    if (from > 0) await pause(0);
    const to = Math.min(oids.length, from + ENTRIES);
    for (let place = from; place < to; place++) index.set(oids[place], positions[place]);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
