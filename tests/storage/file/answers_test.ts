import { assert, assertEquals } from "@std/assert";
import { FileStorage } from "../../../storage/mod.ts";
import { formatTid, MAX_TID, type Oid, oid, POSKeyError, type Tid, tid } from "../../../values/mod.ts";
import {
  type Answers,
  type FileStorageFixture,
  fileStorageFixtures,
  type ObjectAnswers,
  type PythonError,
  type Tagged,
} from "../../fixtures/mod.ts";

/** Python's answers that are an accident of Python's, where there is something to compare all the same. */
const OTHER_ANSWERS: Readonly<Record<string, string>> = {
  index_wrong_older: "it answers from an index that is wrong; ours notices and reads the file",
  wrong_previous_pointer:
    "it takes what lies at a wrong place for a record; ours says that the file is damaged",
};

const hex = (data: Uint8Array): string => data.toHex();

/** What a call answers, or that it refuses. */
function attempt<T>(call: () => T): T | "POSKeyError" | "another error" {
  try {
    return call();
  } catch (error) {
    return error instanceof POSKeyError ? "POSKeyError" : "another error";
  }
}

/** The same for what Python answered. */
function recorded<T>(answer: T): Exclude<T, PythonError> | "POSKeyError" | "another error" {
  if (!isRefusal(answer)) return answer as Exclude<T, PythonError>;
  return answer.error.endsWith("POSKeyError") ? "POSKeyError" : "another error";
}

function isRefusal(answer: unknown): answer is PythonError {
  return answer !== null && typeof answer === "object" && "error" in answer;
}

function field(entry: { readonly dict: readonly (readonly [string, Tagged])[] }, name: string): Tagged {
  return entry.dict.find(([key]) => key === name)![1];
}

function compareObject(storage: FileStorage, id: Oid, expected: ObjectAnswers, records: readonly string[]) {
  const load = (before: Tid) =>
    attempt(() => {
      const found = storage.loadBefore(id, before);
      return found && [hex(found.data), formatTid(found.serial), found.end && formatTid(found.end)];
    });
  const current = recorded(expected.load);
  const now = load(MAX_TID);
  if (typeof current === "string") assertEquals(now, current);
  else assertEquals(now, [records[current.data], current.tid, null]);
  assertEquals(attempt(() => formatTid(storage.getTid(id))), recorded(expected.getTid));
  for (const [before, answer] of Object.entries(expected.loadBefore)) {
    const found = recorded(answer);
    const there = found === null || typeof found === "string";
    assertEquals(
      load(tid(BigInt(`0x${before}`))),
      there ? found : [records[found.data], found.tid, found.end],
      `loadBefore ${before}`,
    );
  }
  for (const [serial, answer] of Object.entries(expected.loadSerial)) {
    const found = recorded(answer);
    assertEquals(
      attempt(() => hex(storage.loadSerial(id, tid(BigInt(`0x${serial}`))))),
      typeof found === "number" ? records[found] : found,
      `loadSerial ${serial}`,
    );
  }
  const history = recorded(expected.history);
  assertEquals(
    attempt(() =>
      storage.history(id, 100).map(({ tid, size, user, description }) => [
        { bytes: formatTid(tid) },
        size,
        { bytes: hex(user) },
        { bytes: hex(description) },
      ])
    ),
    typeof history === "string"
      ? history
      : history.map((entry) => ["tid", "size", "user_name", "description"].map((name) => field(entry, name))),
    "history",
  );
}

function compare(
  storage: FileStorage,
  answers: Answers,
  lastTransaction: string,
  records: readonly string[],
) {
  assertEquals([storage.length(), storage.size()], [answers.length, answers.size]);
  assertEquals(formatTid(storage.lastTransaction()), lastTransaction);
  for (const [id, expected] of Object.entries(answers.objects)) {
    compareObject(storage, oid(BigInt(`0x${id}`)), expected, records);
  }
  const { list } = answers.transactions;
  for (const { records, tid: at, extension } of list) {
    for (const { oid: id, tid: revision } of records) {
      if (revision !== at || !(id in answers.objects)) continue;
      const told = storage.history(oid(BigInt(`0x${id}`)), 100).find(({ tid }) => formatTid(tid) === at);
      if (told) assertEquals(hex(told.extension), extension);
    }
  }
  if (Array.isArray(answers.lastInvalidations)) {
    assertEquals(
      storage.lastInvalidations(3).map(({ tid, oids }) => [
        formatTid(tid),
        oids.map((id) => id.toString(16).padStart(16, "0")),
      ]),
      answers.lastInvalidations,
    );
  }
}

async function check({ expected, copyTo }: FileStorageFixture, readOnly: boolean, cacheSize?: number) {
  const folder = await Deno.makeTempDir();
  try {
    const path = copyTo(folder);
    // Where Python's read-only storage fails at iterating, the answers are those of the file that it brings in order.
    const { answers, reopened } = expected.readWrite;
    await using storage = FileStorage.open(path, { readOnly, cacheSize });
    compare(storage, answers!, reopened?.lastTransaction ?? answers!.lastTransaction, expected.records);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const comparable = fileStorageFixtures().filter(({ name, expected }) =>
  expected.readWrite.answers && !(name in OTHER_ANSWERS)
);

Deno.test("there are files by Python to compare with", () => assert(comparable.length > 50));

for (const fixture of comparable) {
  Deno.test(`every load of Python's file "${fixture.name}" is answered as by Python`, async () => {
    await check(fixture, false);
    await check(fixture, true);
    await check(fixture, true, 0);
  });
}
