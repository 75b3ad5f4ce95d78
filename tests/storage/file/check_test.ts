import { assert, assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import {
  checkDataFile,
  type CheckOptions,
  FileStorage,
  type Finding,
  type FindingKind,
} from "../../../storage/mod.ts";
import { headerLength, recordsEnd } from "../../../storage/file/format.ts";
import { recordsOf, transactionsOf } from "../../../storage/file/scan.ts";
import { NO_TID, oid, type Tid } from "../../../values/mod.ts";
import { fileStorageFixture, fileStorageFixtures } from "../../fixtures/mod.ts";
import { commit, nobody, randomNumbers, record } from "../samples.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { damagedHistory } from "./damage.ts";

const PATH = "/d/Data.fs";

/** Checks a file that is in memory. */
function check(bytes: Uint8Array, index?: Uint8Array, options: CheckOptions = {}) {
  const files: Record<string, Uint8Array> = { [PATH]: bytes };
  if (index) files[`${PATH}.index`] = index;
  return checkDataFile(PATH, { ...options, disk: new MemoryDisk(files) });
}
