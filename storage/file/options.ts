/**
 * How a file storage is opened.
 *
 * @module
 */

import type { BlobDirectory } from "../blob/mod.ts";
import type { Disk } from "../disk.ts";
import type { Merge } from "./merge.ts";

/** How a file storage is opened. */
export interface FileStorageOptions {
  /** Start with an empty file, whatever is there. */
  create?: boolean;
  /** Open it to read only, beside a process that writes; takes no lock and changes no file. */
  readOnly?: boolean;
  /** Bytes beyond which no transaction may start a record. */
  quota?: number;
  /** Whether packing drops objects that can't be reached from the root; true unless told otherwise. */
  packGc?: boolean;
  /** Whether packing keeps the old file as `.old`; true unless told otherwise. */
  packKeepOld?: boolean;
  /** How concurrent changes to one object are merged; as ZODB's own classes say, unless told otherwise. */
  merge?: Merge;
  /** Where blobs are kept: a path, or a directory that is open already; none are unless told. */
  blobDir?: string | BlobDirectory;
  /** Bytes of memory for records; 128 MiB unless told otherwise, none below 4 MiB. */
  cacheSize?: number;
  /** Where the files are; the machine's own disk unless a test puts another in its place. */
  disk?: Disk;
  /** What time it is, in milliseconds since 1970; for tests. */
  now?: () => number;
}
