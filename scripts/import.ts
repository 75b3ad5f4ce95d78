/**
 * `zeo import`: takes in the objects of an export file, ours or Python's.
 *
 * @module
 */

import { DB } from "../zodb/mod.ts";
import { ExportError, formatOid, Unsupported } from "../values/mod.ts";
import { type Command, Failure, type Invocation, UsageError } from "./command.ts";
import { locateStorage, openLocation } from "./storage_location.ts";

/** The command. */
export const importCommand: Command = {
  name: "import",
  summary: "Takes in the objects of a .zexp file, under a name of the root",
  operands: "STORAGE FILE.zexp",
  operandCount: [2, 2],
  options: [
    { name: "at", value: "NAME", help: "the name that it gets in the root object; needed" },
    { name: "blob-dir", value: "DIR", help: "where the blobs of a Data.fs are, or a client may cache them" },
    { name: "dry-run", help: "read all of it, change nothing" },
  ],
  details: `STORAGE is the path of a Data.fs that is there and that no server has open; a server,
as HOST:PORT, socket or zeo:// URI; or FILE.conf#NAME. Objects get new ids. There
must be nothing under NAME in the root object.`,
  example: `$ zeo import localhost:8100 folder.zexp --at folder
localhost:8100: folder is 0x7a69, imported from folder.zexp`,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { operands: [name, path], output, json } = invocation;
  const at = invocation.value("at"), dryRun = invocation.count("dry-run") > 0;
  if (at === undefined) throw new UsageError("import needs --at NAME");
  const location = locateStorage(name, invocation.value("blob-dir"));
  await using db = await DB.open(await openLocation(location, { existing: true }));
  await using connection = db.open();
  const { root } = connection;
  if (await root.has(at)) throw new Failure(`${name}: has ${JSON.stringify(at)} already`);
  const imported = await connection.importFile(path).catch((error) => {
    if (error instanceof Unsupported) {
      throw new Failure(`${path}: ${error.message}; --blob-dir gives it a place`);
    }
    throw error instanceof ExportError ? new Failure(`${path}: ${error.message}`) : error;
  });
  const oid = imported._p_oid!;
  if (dryRun) await connection.abort();
  else {
    await root.set(at, imported);
    await connection.commit();
  }
  if (json) output.json({ at, oid: formatOid(oid), dryRun });
  else if (dryRun) output.line(`${name}: would import ${path} as ${at}`);
  else output.line(`${name}: ${at} is ${formatOid(oid)}, imported from ${path}`);
  return 0;
}
