/**
 * Looking into data files.
 *
 * @module
 */

export * from "./class_statistics.ts";
export * from "./data_file_reader.ts";
export * from "./object_trace.ts";
