import { assertEquals } from "@std/assert";
import { Tuple } from "../../pickle/mod.ts";
import { encodeBlobChunk, msgpackCodec, Output, pickleCodec } from "../../protocol/mod.ts";
import { oid, oidBytes, tid, tidBytes } from "../../values/mod.ts";

for (const codec of [msgpackCodec, pickleCodec]) {
  Deno.test(`${codec.encoding}: a chunk's message is that of the general codec, whatever its length`, () => {
    for (const length of [0, 1, 255, 256, 59_000, 65_535, 65_536, 200_000]) {
      const chunk = Uint8Array.from({ length }, (_, i) => i * 7);
      const id = oid(0x0102030405060708n), serial = tid(0x040d2eb1cd7472ddn);
      const byHand = new Output(), general = new Output();
      encodeBlobChunk(byHand, codec.encoding, id, serial, chunk);
      const start = general.beginFrame();
      codec.encode(general, 0, true, "receiveBlobChunk", new Tuple([oidBytes(id), tidBytes(serial), chunk]));
      general.endFrame(start);
      assertEquals(byHand.bytes.slice(0, byHand.length), general.bytes.slice(0, general.length));
    }
  });
}
