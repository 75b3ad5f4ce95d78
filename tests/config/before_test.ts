import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ConfigurationError, openStorage, parseDatabaseConfiguration } from "../../config/mod.ts";
import type { BeforeStorage } from "../../storage/mod.ts";
import { tidTime } from "../../values/mod.ts";

/** What the original (zc.beforestorage 1.0) makes of times: the first transaction that can't be seen. */
const MOMENTS: Readonly<Record<string, bigint>> = {
  "2020-01-02": 276093554487459840n,
  "2020-01-02T03": 276094327581573120n,
  "2020-01-02T03:04": 276094344761442304n,
  "2020-01-02T03:04:05": 276094345119356245n,
  "2020-01-02T03:04:05.678": 276094345167889375n,
  "2020-01-02T": 276093554487459840n,
};

/** What the original refuses, or should: it takes a 60th second for a whole minute less. */
const NO_MOMENTS = [
  "",
  "x",
  "2020",
  "2020-01",
  "2020-13-01",
  "2020-02-30",
  "1900-01-01",
  "2020-01-02T25",
  "2020-01-02T03:60",
  "2020-01-02T03:04:60",
  "2020-01-02t03",
  "2020-01-02 03:04",
  "2020-01-02T03:04:05Z",
  "2020-01-02T03:04:05:06",
];

async function open(keys: string): Promise<BeforeStorage> {
  const text = `%import zc.beforestorage\n<zodb>\n<before>\n${keys}\n<mappingstorage/>\n</before>\n</zodb>\n`;
  const [database] = parseDatabaseConfiguration(text).databases;
  return (await openStorage(database.storage)).storage as BeforeStorage;
}

Deno.test("a <before> section takes the times that the original takes", async (context) => {
  for (const [text, expected] of Object.entries(MOMENTS)) {
    await context.step(text, async () => {
      await using storage = await open(`before ${text}`);
      // The original goes by floating-point seconds: a unit more or less is 14 nanoseconds.
      const difference = storage.before - expected;
      assertEquals(difference >= -1n && difference <= 1n, true, `${storage.before}, expected ${expected}`);
      assertEquals(storage.readOnly, true);
    });
  }
});

Deno.test("a <before> section refuses what is no time, and says what is one", async (context) => {
  for (const text of NO_MOMENTS) {
    await context.step(JSON.stringify(text), async () => {
      const error = await assertRejects(() => open(`before ${text}`), ConfigurationError);
      assertStringIncludes(error.message, "expected a time in UTC, for example 2024-03-05T14:07:02.5");
      assertStringIncludes(error.message, ":4: <before> before");
    });
  }
});

Deno.test("a <before> section without a time, or with now, shows what is there at its opening", async () => {
  for (const keys of ["", "before now", "before NOW"]) {
    const earliest = Date.now();
    await using storage = await open(keys);
    const moment = tidTime(storage.before);
    assertEquals(moment > earliest - 1 && moment < Date.now() + 1, true);
  }
});

Deno.test("startup is the moment at which the process began", async () => {
  await using one = await open("before startup");
  await using two = await open("before Startup");
  assertEquals(one.before, two.before);
  assertEquals(tidTime(one.before) <= Date.now(), true);
});

Deno.test("the moment of before-from-file is written once, and read from then on", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/moment`;
    const first = await open(`before-from-file ${path}`);
    await first.close();
    const text = Deno.readTextFileSync(path);
    assertEquals(Math.abs(Date.parse(`${text}Z`) - Date.now()) < 60_000, true, text);
    await using again = await open(`before-from-file ${path}`);
    assertEquals(again.before, first.before);
    Deno.writeTextFileSync(path, "2020-01-02T03:04:05\n");
    await using told = await open(`before-from-file ${path}`);
    assertEquals(told.before, MOMENTS["2020-01-02T03:04:05"]);
    for (const wrong of ["", "now"]) {
      Deno.writeTextFileSync(path, wrong);
      const error = await assertRejects(() => open(`before-from-file ${path}`), ConfigurationError);
      assertStringIncludes(error.message, "expected a time in UTC");
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a <before> section has one time only", async () => {
  const error = await assertRejects(
    () => open("before 2020-01-02\nbefore-from-file moment"),
    ConfigurationError,
  );
  assertStringIncludes(error.message, "expected before or before-from-file, not both");
});

Deno.test("a <before> section is unknown without its package", async () => {
  const error = await assertRejects(
    async () => await parseDatabaseConfiguration("<zodb>\n<before>\n<mappingstorage/>\n</before>\n</zodb>\n"),
    ConfigurationError,
  );
  assertStringIncludes(error.message, "%import zc.beforestorage");
});
