/** A thread with a bug: it does its work until there is a certain file, and then nobody catches an error. */

import "../../zodb/sync/storage_worker.ts";

const folder = new URL(import.meta.url).search.slice(1);

setInterval(() => {
  for (const { name } of Deno.readDirSync(folder)) if (name === "die") throw new Error("a bug");
}, 20);
