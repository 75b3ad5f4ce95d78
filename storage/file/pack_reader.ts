/**
 * Reading single records for a pack, near each other or far apart.
 *
 * @module
 */

import { type Oid, oidFromBytes, readPosition, type Tid, tidFromBytes } from "../../values/mod.ts";
import type { DiskFile } from "../disk.ts";
import { BACK_POINTER, RECORD_HEADER } from "./format.ts";
import { corrupted } from "./scan.ts";
import { FileWindow } from "./scan_window.ts";

const NARROW = 8 << 10;

/** The longest data that is read in one piece through the shared window. */
const BIGGEST_SHARED = 1 << 20;

/** See the module. */
export class PackReader {
  readonly #file: DiskFile;
  readonly #wide: FileWindow;
  readonly #narrow: FileWindow;

  constructor(file: DiskFile) {
    this.#file = file;
    this.#wide = new FileWindow(file);
    this.#narrow = new FileWindow(file, NARROW);
  }

  /** The object of the record at a position. */
  oid(position: number): Oid {
    const offset = this.#header(this.#narrow, position);
    return oidFromBytes(this.#narrow.bytes, offset);
  }

  /** The revision of the record at a position. */
  tid(position: number): Tid {
    const offset = this.#header(this.#narrow, position);
    return tidFromBytes(this.#narrow.bytes, offset + 8);
  }

  /**
   * The data of the record at a position, from where it is shared if need be; null when there is none. It stays only
   * until the next call.
   * @param near Whether the next record will be asked for from nearby, and behind this one.
   */
  data(position: number, near = false): Uint8Array | null {
    let window = near ? this.#wide : this.#narrow;
    for (let at = position;;) {
      const offset = this.#header(window, at);
      const size = readPosition(window.bytes, offset + 34);
      if (size > 0) return this.#bytes(window, at, size);
      const back = readPosition(window.bytes, offset + RECORD_HEADER);
      if (back === 0) return null;
      if (back >= at) {
        throw corrupted(this.#file, "record", at, `points back to ${back}, expected an earlier place`);
      }
      at = back;
      window = this.#narrow;
    }
  }

  /** Drops what was read: the file has grown where it may have been read already. */
  forget(): void {
    this.#wide.forget();
    this.#narrow.forget();
  }

  #bytes(window: FileWindow, position: number, size: number): Uint8Array {
    const start = position + RECORD_HEADER;
    if (size <= BIGGEST_SHARED) {
      const offset = window.find(start, size);
      if (offset >= 0) return window.bytes.subarray(offset, offset + size);
    } else if (start + size <= this.#file.size()) {
      const data = new Uint8Array(size);
      this.#file.read(data, start);
      return data;
    }
    throw corrupted(this.#file, "record", position, `has ${size} bytes of data, the file ends before`);
  }

  #header(window: FileWindow, position: number): number {
    const offset = window.find(position, RECORD_HEADER + BACK_POINTER);
    if (offset < 0) throw corrupted(this.#file, "record", position, "is cut short by the end of the file");
    return offset;
  }
}
