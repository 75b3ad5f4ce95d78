import { assertEquals } from "@std/assert";
import { formatTid } from "../../../values/mod.ts";
import { saveIndex } from "../../../storage/file/index_file.ts";
import { openDataFile } from "../../../storage/file/open.ts";
import {
  type FileStorageFixture,
  fileStorageFixture,
  fileStorageFixtures,
  type Opening,
} from "../../fixtures/mod.ts";

const LAST_TID = "lastTransaction names the transaction that was cut off";

/** Files on which Python fails in a way, or finds less, that is its own. */
const OURS: Readonly<Record<string, "opens" | "CorruptedTransactionError" | "finds the lie">> = {
  // The status of what is cut off is no ASCII; that is no reason to refuse the file.
  trailing_ff: "opens",
  wrong_version_length: "CorruptedTransactionError",
  wrong_record_too_short: "CorruptedTransactionError",
  index_wrong_older: "finds the lie",
};

interface Found {
  readonly error?: string;
  readonly answers?: { length: number; size: number; lastTransaction: string; maxOid: string };
  readonly after: Record<string, { size: number; sha256: string }>;
}

/** Opens and closes a copy of a fixture's files, as a storage does. */
async function opened(fixture: FileStorageFixture, readOnly: boolean): Promise<Found> {
  const folder = await Deno.makeTempDir();
  try {
    const path = fixture.copyTo(folder);
    let error: string | undefined, answers: Found["answers"];
    try {
      const { file, index, end, lastTid, maxOid } = openDataFile(path, { readOnly });
      answers = {
        length: index.size,
        size: end,
        lastTransaction: formatTid(lastTid),
        maxOid: maxOid.toString(16).padStart(16, "0"),
      };
      if (!readOnly) assertEquals(saveIndex(path, index, end), undefined);
      file.close();
    } catch (thrown) {
      error = (thrown as Error).name;
    }
    const after: Found["after"] = {};
    for await (const { name } of Deno.readDir(folder)) {
      const bytes = await Deno.readFile(`${folder}/${name}`);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      after[name] = { size: bytes.length, sha256: digest.toHex() };
    }
    return { error, answers, after };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function expectedOf({ expected }: FileStorageFixture, opening: Opening): Found {
  const { error, answers, after } = opening;
  const lastTransaction = expected.quirk?.startsWith(LAST_TID)
    ? expected.readWrite.reopened?.lastTransaction
    : answers?.lastTransaction;
  return {
    error: error?.error.split(".").at(-1),
    answers: answers && {
      length: answers.length,
      size: answers.size,
      lastTransaction: lastTransaction ?? answers.lastTransaction,
      maxOid: answers.maxOid,
    },
    after,
  };
}

/** What belongs to the data that the fixtures with a wrong index have. */
const rightIndex = fileStorageFixture("index_fresh").expected.readWrite.after["Data.fs.index"];

for (const fixture of fileStorageFixtures()) {
  const { name, expected } = fixture;
  Deno.test(`a file that Python knows is opened and left as Python does: ${name}, ${expected.about}`, async () => {
    for (const readOnly of [false, true]) {
      const found = await opened(fixture, readOnly);
      const wanted = expectedOf(fixture, readOnly ? expected.readOnly : expected.readWrite);
      switch (OURS[name]) {
        case "opens":
          assertEquals([found.error, wanted.error], [undefined, "UnicodeDecodeError"]);
          break;
        case "CorruptedTransactionError":
          assertEquals({ ...found, error: "ValueError" }, wanted);
          assertEquals(found.error, "CorruptedTransactionError");
          break;
        case "finds the lie":
          assertEquals(found.answers, wanted.answers);
          assertEquals(found.after["Data.fs"], wanted.after["Data.fs"]);
          if (!readOnly) assertEquals(found.after["Data.fs.index"], rightIndex);
          break;
        default:
          assertEquals(found, wanted);
      }
    }
  });
}
