/** Classes and databases for the tests of objects. */

import { FileStorage } from "../../storage/mod.ts";
import { DB, type DBOptions, Persistent, registerClass } from "../../zodb/mod.ts";

/** An object with attributes of all sorts. */
export class Item extends Persistent {
  [name: string]: unknown;

  constructor(attributes: Record<string, unknown> = {}) {
    super();
    Object.assign(this, attributes);
  }
}
registerClass("tests.objects.Item", Item);

/** A database in a Data.fs of its own, in a folder that goes with it. */
export async function fileDatabase(
  options: DBOptions & { readonly blobs?: boolean } = {},
): Promise<{ db: DB; folder: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  const storage = FileStorage.open(`${folder}/Data.fs`, options.blobs ? { blobDir: `${folder}/blobs` } : {});
  const db = await DB.open(storage, options);
  return {
    db,
    folder,
    async [Symbol.asyncDispose]() {
      await db.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
