/**
 * A process that packs a database and is killed by the n-th step that the pack takes on the disk.
 *
 *   deno run -A pack_crash_child.ts PATH STEP KEEP_OLD
 *
 * It commits while it packs, and says what was acknowledged: a line for each commit.
 *
 * @module
 */

import { type Disk, FileStorage, realDisk } from "../../../storage/mod.ts";
import { current, linked, now, put } from "./pack_samples.ts";

const [path, dieAt, keepOld] = Deno.args;
let step = 0, packing = false;

/** One more step; the process doesn't live to take the last. */
function count(): void {
  if (packing && ++step === Number(dieAt)) Deno.kill(Deno.pid, "SIGKILL");
}

function counted<F extends (...args: never[]) => unknown>(call: F): F {
  return ((...args: never[]) => {
    count();
    return call(...args);
  }) as F;
}

const disk: Disk = {
  exists: realDisk.exists,
  rename: counted(realDisk.rename),
  remove: counted(realDisk.remove),
  link: counted(realDisk.link!),
  syncDirectory: counted(realDisk.syncDirectory),
  open(path, mode) {
    if (mode !== "read") count();
    const file = realDisk.open(path, mode);
    return {
      path: file.path,
      size: () => file.size(),
      read: (buffer, position) => file.read(buffer, position),
      write: counted((bytes: Uint8Array, position: number) => file.write(bytes, position)),
      truncate: (size) => file.truncate(size),
      sync: () => file.sync(),
      syncNow: counted(() => file.syncNow()),
      close: () => file.close(),
    };
  },
};

const storage = FileStorage.open(path, { disk });
packing = true;
let commits = 0, commit: Promise<unknown> = Promise.resolve();
await storage.pack(now(), {
  keepOld: keepOld === "true",
  progress: () => {
    commit = commit.then(async () => {
      const text = `commit ${commits++}`;
      await put(storage, { 1: linked(text) });
      console.log(text);
    });
  },
});
packing = false;
await commit;
if (current(storage, 1).data === null) throw new Error("what was committed is not there");
await storage.close();
console.log("packed");
