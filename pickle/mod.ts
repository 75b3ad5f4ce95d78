/**
 * Python pickles, read and written as data: no name in a pickle ever causes code to be looked up or run.
 *
 * - {@linkcode PickleReader}, {@linkcode loadPickle}: protocols 0 to 5 to {@linkcode Value}s
 * - {@linkcode PickleWriter}, {@linkcode dumpPickle}: values to protocol 3, byte for byte as Python writes
 * them
 * - {@linkcode PickleOutput}: the parts of a pickle one by one, for the wire's hot messages
 * - {@linkcode readRecord}, {@linkcode writeRecord}: the two pickles of a database record
 * - {@linkcode recordClass}, {@linkcode recordReferences}: what storages need of a record
 *
 * @module
 */

export type { Oid } from "../values/mod.ts";
export { Dict } from "./dict.ts";
export { PickleError } from "./error.ts";
export type { PickleReaderOptions } from "./machine.ts";
export { PickleOutput } from "./output.ts";
export { loadPickle, PickleReader } from "./reader.ts";
export { readRecord, recordClass, type RecordParts, writeRecord } from "./record.ts";
export { recordReferences } from "./references.ts";
export {
  type Construction,
  Float,
  Global,
  Instance,
  PersistentReference,
  pythonFloat,
  setItems,
  toNumber,
  Tuple,
  tuple,
  type Value,
} from "./value.ts";
export { dumpPickle, PickleWriter, type PickleWriterOptions, type Writable } from "./writer.ts";
