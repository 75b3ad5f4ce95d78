/** A script that changes an object, and forgets to close its connection. */

import { openSync } from "../../zodb/mod.ts";

console.error("opening");
const connection = openSync<{ count?: number }>(Deno.args[0]);
connection.root.count = (connection.root.count ?? 0) + 1;
connection.commit();
console.log("done");
