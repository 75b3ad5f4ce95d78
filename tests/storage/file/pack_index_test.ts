/**
 * An index on its way from the thread that packs.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { OidIndex } from "../../../storage/file/oid_index.ts";

Deno.test("an index that is handed over in parts has the same objects, and takes more", () =>
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 2000 }),
      fc.nat({ max: 300_000 }),
      (scattered, dense) => {
        const index = new OidIndex(), copy = new OidIndex();
        for (let id = 0; id < dense; id++) index.set(BigInt(id), id + 5);
        for (const [place, id] of scattered.entries()) index.set(id, place + 7);
        for (const part of index.parts()) copy.adopt(structuredClone(part));
        const same = () => {
          assertEquals(copy.size, index.size);
          assertEquals(copy.maxOid, index.maxOid);
          const theirs = copy.entries();
          for (const [id, position] of index.entries()) {
            const [theirId, theirPosition] = theirs.next().value!;
            if (theirId !== id || theirPosition !== position) {
              throw new Error(
                `${theirId} at ${theirPosition}, not ${id} at ${position}`,
              );
            }
          }
          assertEquals(theirs.next().done, true);
        };
        same();
        for (const at of [index, copy]) {
          for (const id of scattered) at.delete(id);
          for (let id = 1_000_000n; id < 1_002_000n; id++) at.set(id, 9);
        }
        same();
      },
    ),
    { numRuns: 20 },
  ));
