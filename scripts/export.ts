/**
 * `zeo export`: objects, and all that they refer to, as a file for another database.
 *
 * @module
 */

import { DB } from "../zodb/mod.ts";
import { BlobError, formatOid } from "../values/mod.ts";
import { type Command, Failure, type Invocation } from "./command.ts";
import { parseOid } from "./object_id.ts";
import { bytesText } from "./progress.ts";
import { locateStorage, openLocation } from "./storage_location.ts";

/** The command. */
export const exportCommand: Command = {
  name: "export",
  summary: "Writes an object, and all that it refers to, to a .zexp file",
  operands: "STORAGE OID|root FILE.zexp",
  operandCount: [3, 3],
  options: [
    { name: "blob-dir", value: "DIR", help: "where the blobs of a Data.fs are, or a client may cache them" },
  ],
  details: `STORAGE is the path of a Data.fs, which a server may have open; a server, as HOST:PORT,
socket or zeo:// URI; or FILE.conf#NAME. Python's databases import such files, too.
There must be nothing at FILE.zexp. Weak references are not followed.`,
  example: `$ zeo export Data.fs 0x2a folder.zexp
folder.zexp: 0x2a and what it refers to, 1.3 MB`,
  interruptible: true,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { operands: [name, id, target], output, json } = invocation;
  const oid = parseOid(id);
  requireNothingAt(target);
  // What has the name is whole.
  const part = `${target}.part`;
  try {
    const location = locateStorage(name, invocation.value("blob-dir"));
    await using db = await DB.open(await openLocation(location, { readOnly: true }));
    await using connection = db.open();
    await connection.exportFile(oid, part, { signal: invocation.signal });
    await Deno.rename(part, target);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    const hint = error instanceof BlobError && invocation.count("blob-dir") === 0;
    throw hint ? new Failure(`${error.message}; --blob-dir gives one`) : error;
  }
  const { size } = await Deno.stat(target);
  if (json) output.json({ file: target, oid: formatOid(oid), bytes: size });
  else output.line(`${target}: ${formatOid(oid)} and what it refers to, ${bytesText(size)}`);
  return 0;
}

function requireNothingAt(path: string): void {
  try {
    Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new Failure(`${path}: is there already`);
}
