/**
 * Blobs: big contents in files of their own.
 *
 * @module
 */

import { type Awaitable, BlobError, NO_TID, Unsupported } from "../../values/mod.ts";
import { registerClass } from "../classes.ts";
import { CONTROL, type Control } from "../control.ts";
import { PersistentBase } from "../persistent.ts";
import { now } from "../steps.ts";

/** What a blob's content can be made from. */
export type BlobSource = Uint8Array | string | ReadableStream<Uint8Array>;

/** What a blob needs of the connection that it belongs to. */
export interface BlobJar {
  /** The file with the content that the transaction has kept, or that is committed. */
  blobFile(blob: Blob): Awaitable<string>;
  /** Where new files are made best; undefined when the storage keeps no blobs. */
  readonly blobDirectory: string | undefined;
  /** Whether nothing of a new blob was handed to the transaction yet. */
  isUnwritten(control: Control): boolean;
}

/** Files of blobs that nobody has any more. */
const abandoned = new FinalizationRegistry<string>(remove);

/**
 * A content too big for a record: it lies in a file, and goes through memory only as far as it is read.
 *
 * @example
 * ```ts ignore
 * const picture = await Blob.from(await Deno.readFile("cat.png"));
 * await connection.root.set("cat", picture);
 * await connection.commit();
 * const path = await picture.path();
 * ```
 */
export class Blob extends PersistentBase {
  #uncommitted: string | undefined;
  #writing = false;
  /** Whether a content was handed to a transaction. */
  #taken = false;

  /** A blob of these contents. */
  static async from(source: BlobSource): Promise<Blob> {
    const blob = new Blob();
    await blob.write(source);
    return blob;
  }

  /** A blob of a file's contents; the file is moved away. */
  static async fromFile(path: string): Promise<Blob> {
    const blob = new Blob();
    await blob.consumeFile(path);
    return blob;
  }

  /**
   * The file with the content: that which is written and not committed, or the committed one, which may have to be
   * fetched. Only to be read. The committed one stays as it is, whatever is committed later, until a pack.
   */
  async path(): Promise<string> {
    await this._p_activate();
    if (this.#uncommitted !== undefined) return this.#uncommitted;
    const jar = this.#jar;
    if (jar && !jar.isUnwritten(this[CONTROL])) return await jar.blobFile(this);
    this.#requireContent();
    return this.#uncommitted = this.#newFile();
  }

  /** As {@linkcode Blob.path}, at once. @throws {StorageError} when that takes waiting: not in a synchronous connection. */
  pathSync(): string {
    this._p_touch();
    if (this.#uncommitted !== undefined) return this.#uncommitted;
    const jar = this.#jar;
    if (jar && !jar.isUnwritten(this[CONTROL])) return now(jar.blobFile(this), "the content of a blob");
    this.#requireContent();
    return this.#uncommitted = this.#newFile();
  }

  /** The file with the committed content. @throws {BlobError} when there is none, or it has changed since. */
  async committedPath(): Promise<string> {
    await this._p_activate();
    if (this._p_serial === NO_TID || this.#uncommitted !== undefined || this._p_changed) {
      throw new BlobError("the blob has uncommitted changes");
    }
    return await this.path();
  }

  /** The content, piece by piece. */
  async stream(): Promise<ReadableStream<Uint8Array>> {
    const file = await Deno.open(await this.path());
    return file.readable;
  }

  /** The content. */
  async bytes(): Promise<Uint8Array> {
    return await Deno.readFile(await this.path());
  }

  /** The content, at once, as {@linkcode Blob.pathSync}. */
  bytesSync(): Uint8Array {
    return Deno.readFileSync(this.pathSync());
  }

  /** The content as text in UTF-8. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** The content as text, at once, as {@linkcode Blob.pathSync}. */
  textSync(): string {
    return new TextDecoder().decode(this.bytesSync());
  }

  /** Bytes of the content. */
  async size(): Promise<number> {
    return (await Deno.stat(await this.path())).size;
  }

  /** Puts a new content in the place of the old one, from the next commit on. */
  async write(source: BlobSource): Promise<void> {
    await this.#replace(async (path) => {
      await pour(await Deno.open(path, { write: true, truncate: true }), source);
    });
  }

  /** As {@linkcode Blob.write}, at once. @throws {GhostError} when it has to be loaded first, and that takes waiting. */
  writeSync(source: Uint8Array | string): void {
    const content = typeof source === "string" ? new TextEncoder().encode(source) : source;
    this.#replaceSync((path) => Deno.writeFileSync(path, content));
  }

  /** Adds to the content. */
  async append(source: BlobSource): Promise<void> {
    const before = await this.path();
    await this.#replace(async (path) => {
      await Deno.copyFile(before, path);
      await pour(await Deno.open(path, { append: true }), source);
    });
  }

  /** Takes a file's content; the file is moved away. */
  async consumeFile(path: string): Promise<void> {
    await this.#replace((own) => move(path, own));
  }

  /** As {@linkcode Blob.consumeFile}, at once, as {@linkcode Blob.writeSync}. */
  consumeFileSync(path: string): void {
    this.#replaceSync((own) => moveSync(path, own));
  }

  async #replace(fill: (path: string) => Promise<void>): Promise<void> {
    await this._p_activate();
    if (this.#writing) throw new BlobError("the blob is being written already");
    this._p_change();
    this.#writing = true;
    const path = this.#newFile();
    try {
      await fill(path);
      // The transaction may have ended meanwhile.
      await this._p_activate();
      this.#keep(path);
    } catch (error) {
      remove(path);
      throw error;
    } finally {
      this.#writing = false;
    }
  }

  #replaceSync(fill: (path: string) => void): void {
    this._p_touch();
    if (this.#writing) throw new BlobError("the blob is being written already");
    this._p_change();
    const path = this.#newFile();
    try {
      fill(path);
      this.#keep(path);
    } catch (error) {
      remove(path);
      throw error;
    }
  }

  #keep(path: string): void {
    if (this._p_jar) this._p_change();
    this.#drop();
    this.#uncommitted = path;
    abandoned.register(this, path, this);
  }

  #newFile(): string {
    const jar = this.#jar;
    if (!jar) return Deno.makeTempFileSync({ prefix: "blob-" });
    if (jar.blobDirectory === undefined) throw new Unsupported("the storage keeps no blobs");
    return Deno.makeTempFileSync({ dir: jar.blobDirectory, prefix: "blob-" });
  }

  get #jar(): BlobJar | undefined {
    return this[CONTROL].jar as BlobJar | undefined;
  }

  /**
   * @ignore The file with new content, in a directory, which belongs to the caller from now on; undefined when the
   * committed content is the present one.
   * @param synchronous Whether it must not take waiting.
   */
  _p_takeUncommitted(directory: string, synchronous: boolean): Awaitable<string | undefined> {
    if (this.#writing) throw new BlobError("can't commit a blob that is being written");
    const path = this.#uncommitted;
    if (path === undefined) return undefined;
    this.#uncommitted = undefined;
    this.#taken = true;
    abandoned.unregister(this);
    if (path.startsWith(`${directory}/`)) return path;
    const own = Deno.makeTempFileSync({ dir: directory, prefix: "blob-" });
    if (!synchronous) return move(path, own).then(() => own);
    moveSync(path, own);
    return own;
  }

  /** @ignore A file for a blob that nothing was written to. */
  _p_emptyFile(directory: string): string {
    this.#requireContent();
    return Deno.makeTempFileSync({ dir: directory, prefix: "blob-" });
  }

  /** One that lost its content must not pass for an empty one. */
  #requireContent(): void {
    if (this.#taken) {
      throw new BlobError("the blob has lost its content with the transaction that was to store it");
    }
  }

  /** The state to store. */
  override __getstate__(): unknown {
    return null;
  }

  /** Takes the state. */
  override __setstate__(): void {}

  /** Forgets the state. */
  override __clearstate__(): void {
    this.#drop();
  }

  #drop(): void {
    if (this.#uncommitted === undefined) return;
    remove(this.#uncommitted);
    this.#uncommitted = undefined;
    abandoned.unregister(this);
  }
}

async function pour(file: Deno.FsFile, source: BlobSource): Promise<void> {
  const content = typeof source === "string" ? new TextEncoder().encode(source) : source;
  const stream = content instanceof Uint8Array ? ReadableStream.from([content]) : content;
  await stream.pipeTo(file.writable);
}

async function move(from: string, to: string): Promise<void> {
  try {
    await Deno.rename(from, to);
  } catch {
    // On another disk, perhaps.
    await Deno.copyFile(from, to);
    await Deno.remove(from);
  }
}

function moveSync(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch {
    Deno.copyFileSync(from, to);
    Deno.removeSync(from);
  }
}

/** Removes a file that may have gone already. */
export function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

registerClass("ZODB.blob.Blob", Blob);
