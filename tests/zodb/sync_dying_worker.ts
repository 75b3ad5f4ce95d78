/** A thread with a bug: it does its work until there is a certain file, and then nobody catches an error. */

import "../../zodb/sync/storage_worker.ts";

const sign = Deno.env.get("ZEO_TESTS_DIE_WHEN")!;

setInterval(() => {
  let there = true;
  try {
    Deno.statSync(sign);
  } catch {
    there = false;
  }
  if (there) throw new Error("a bug");
}, 20);
