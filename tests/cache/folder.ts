/**
 * A folder for a test's cache files.
 *
 * @module
 */

/** Runs `test` with the path of a cache file that is not there yet. */
export async function withCachePath(test: (path: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "zeo-cache-" });
  try {
    await test(`${folder}/client.zec`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A record that tells the object and the serial that it belongs to. */
export function recordOf(oid: number | bigint, serial: number | bigint, length: number): Uint8Array {
  const data = new Uint8Array(length);
  let state = (Number(oid) * 2654435761 + Number(serial) * 40503 + length) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state >>> 24;
  }
  return data;
}
