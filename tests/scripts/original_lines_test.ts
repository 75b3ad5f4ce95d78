/** The lines are those that `fsdump`, `fstail`, `fsoids` and `analyze` print for this file. */

import { assertEquals } from "@std/assert";
import { fileStorageFixture } from "../fixtures/mod.ts";
import { inFolder, zeo, zeoJson } from "./run.ts";

const printed: Readonly<Record<string, string>> = {
  "dump": `Trans #00000 tid=03f7048f09999999 size=181 time=2024-03-05 14:07:02.250000 offset=54
    status=' ' user=b'/ bob' description=b'first'
  data #00000 oid=0000000000000000 size=89 class=persistent.mapping.PersistentMapping
Trans #00001 tid=03f7048f0eeeeeee size=286 time=2024-03-05 14:07:03.500000 offset=216
    status=' ' user=b'' description=b''
  data #00000 oid=0000000000000000 size=90 class=persistent.mapping.PersistentMapping
  data #00001 oid=0000000000000001 size=89 class=persistent.mapping.PersistentMapping
Trans #00002 tid=03f7048f14444444 size=123 time=2024-03-05 14:07:04.750000 offset=510
    status=' ' user=b'' description=b''
  data #00000 oid=0000000000000000 size=89 class=persistent.mapping.PersistentMapping bp=03f7048f09999999
  data #00001 oid=0000000000000001 class=undo or abort of object creation
`,
  "tail": `2024-03-05 14:07:04.750000: hash=1f6b0d8b75ff630e37c518c0bbb1a76b465b9598
user='' description='' length=123 offset=487 (+23)

2024-03-05 14:07:03.500000: hash=a5f2b861c7e87f502a610670f9371641e613ffb8
user='' description='' length=286 offset=193 (+23)

2024-03-05 14:07:02.250000: hash=b63367f770e45fd9e4a5455125c0f5f2efe300a0
user=b'/ bob' description=b'first' length=181 offset=4 (+50)

`,
  "trace-oid": `oid 0x00 persistent.mapping.PersistentMapping 3 revisions
    tid 0x03f7048f09999999 offset=4 2024-03-05 14:07:02.250000
        tid user=b'/ bob'
        tid description=b'first'
        new revision persistent.mapping.PersistentMapping at 54
    tid 0x03f7048f0eeeeeee offset=193 2024-03-05 14:07:03.500000
        tid user=b''
        tid description=b''
        new revision persistent.mapping.PersistentMapping at 216
    tid 0x03f7048f14444444 offset=487 2024-03-05 14:07:04.750000
        tid user=b''
        tid description=b''
        new revision persistent.mapping.PersistentMapping at 510
oid 0x01 persistent.mapping.PersistentMapping 1 revision
    tid 0x03f7048f0eeeeeee offset=193 2024-03-05 14:07:03.500000
        tid user=b''
        tid description=b''
        new revision persistent.mapping.PersistentMapping at 348
    tid 0x03f7048f14444444 offset=487 2024-03-05 14:07:04.750000
        tid user=b''
        tid description=b''
        creation undo at 560
`,
  "stats": `Processed 5 records in 3 transactions
Average record size is   71.40 bytes
Average transaction size is  119.00 bytes
Types used:
Class Name                                       Count    TBytes    Pct AvgSize
---------------------------------------------- ------- ---------  ----- -------
persistent.mapping.PersistentMapping                 4       357 100.0%   89.25
============================================== ======= =========  ===== =======
                            Total Transactions       3                    0.12k
                                 Total Records       5        0k 100.0%   71.40
                               Current Objects       2        0k  49.9%   89.00
                                   Old Objects       2        0k  50.1%   89.50
`,
};

for (const [command, expected] of Object.entries(printed)) {
  Deno.test(`${command} prints what the original prints`, async () => {
    await inFolder(async (folder) => {
      const path = fileStorageFixture("small").copyTo(folder);
      const { code, output, messages } = await zeo(
        command,
        path,
        ...command === "trace-oid" ? ["1", "0x0"] : [],
      );
      assertEquals([code, messages], [0, ""]);
      assertEquals(output, expected);
    });
  });
}

Deno.test("the same as JSON", async () => {
  await inFolder(async (folder) => {
    const path = fileStorageFixture("small").copyTo(folder);
    const { output } = await zeo("dump", "--json", path);
    const dumped = output.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(dumped.map(({ tid, user, records }) => [tid, user, records.length]), [
      ["03f7048f09999999", "/ bob", 1],
      ["03f7048f0eeeeeee", "", 2],
      ["03f7048f14444444", "", 2],
    ]);
    assertEquals(dumped[2].records, [
      {
        oid: "0x00",
        position: 510,
        previous: 216,
        size: 89,
        class: "persistent.mapping.PersistentMapping",
        sharesDataOf: "03f7048f09999999",
      },
      { oid: "0x01", position: 560, previous: 348, size: null },
    ]);
    const stats = await zeoJson<{ deleted: number; current: unknown; classes: unknown[] }>("stats", path);
    assertEquals([stats.deleted, stats.current], [1, { count: 2, bytes: 178 }]);
    assertEquals(stats.classes, [{
      name: "persistent.mapping.PersistentMapping",
      count: 4,
      bytes: 357,
      current: { count: 2, bytes: 178 },
    }]);
    const [trace] = await zeoJson<{ oid: string; transactions: { events: unknown[] }[] }[]>(
      "trace-oid",
      path,
      "1",
    );
    assertEquals(trace.oid, "0x01");
    assertEquals(trace.transactions[1].events, [
      { kind: "gone", position: 560, oid: "0x01", class: "persistent.mapping.PersistentMapping" },
    ]);
    const report = await zeoJson<{ ok: boolean; records: number }>("verify", path);
    assertEquals([report.ok, report.records], [true, 5]);
  });
});
