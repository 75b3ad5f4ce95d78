import { assertEquals } from "@std/assert";
import {
  type Codec,
  msgpackCodec,
  Output,
  pickleCodec,
  PythonError,
  toWireError,
} from "../../protocol/mod.ts";
import { Tuple } from "../../pickle/mod.ts";
import {
  ConflictError,
  FileStorageError,
  FileStorageQuotaError,
  MultipleUndoErrors,
  oid,
  POSKeyError,
  ReadConflictError,
  ReadOnlyError,
  StorageTransactionError,
  tid,
  UndoError,
} from "../../values/mod.ts";
import { wireVectors } from "../fixtures/mod.ts";
import { show } from "./show.ts";

const { vectors, constants } = wireVectors();
const first = oid(1);
const t1 = tid(BigInt(`0x${constants.t1}`)), t2 = tid(BigInt(`0x${constants.t2}`));

function reply(codec: Codec, id: number, error: unknown): string {
  const { name, detail } = toWireError(error, codec.encoding);
  const out = new Output();
  codec.encode(out, id, 2, ".reply", new Tuple([name, detail]));
  return out.bytes.subarray(0, out.length).toHex();
}

const modified = new UndoError("Some data were modified by a later transaction", first);

const cases: [string, number, Error][] = [
  ["POSKeyError", 4, new POSKeyError(first)],
  [
    "ConflictError",
    6,
    new ConflictError({ oid: first, committed: t2, read: t1, className: "BTrees.Length.Length" }),
  ],
  ["ReadConflictError", 6, new ReadConflictError({ oid: first, committed: t2, read: t1 })],
  ["ReadOnlyError", 1, new ReadOnlyError()],
  ["StorageTransactionError", 6, new PythonError("ZODB.POSException.StorageTransactionError", null, 5)],
  ["UndoError", 6, new UndoError("Invalid transaction id")],
  ["ValueError", 1, new PythonError("builtins.ValueError", "unknown storage: x")],
  ["TypeError", 1, new TypeError("takes 2 positional arguments but 3 were given")],
  ["KeyError", 13, new PythonError("builtins.KeyError", 7)],
];

for (const [name, id, error] of cases) {
  Deno.test(`a ${name} is told byte for byte as Python tells it, in both encodings`, () => {
    const vector = vectors.find((vector) => vector.direction === "reply" && vector.name === name)!;
    assertEquals(reply(msgpackCodec, id, error), vector.M);
    assertEquals(reply(pickleCodec, id, error), vector.Z);
  });
}

Deno.test("MultipleUndoErrors are told byte for byte as Python tells them", () => {
  const vector = vectors.find(({ name }) => name === "MultipleUndoErrors")!;
  const error = new MultipleUndoErrors([[first, modified]]);
  assertEquals(reply(msgpackCodec, 6, error), vector.M);
  assertEquals(reply(pickleCodec, 6, error), vector.Z);
});

Deno.test("errors without attributes travel with their text under the original's names", () => {
  const told = (error: unknown) => {
    const { name, detail } = toWireError(error, "M");
    return [name, show(detail)];
  };
  assertEquals(told(new StorageTransactionError("Already voting (locked)")), [
    "ZODB.POSException.StorageTransactionError",
    '("Already voting (locked)")',
  ]);
  assertEquals(
    told(new FileStorageQuotaError("full"))[0],
    "ZODB.FileStorage.FileStorage.FileStorageQuotaError",
  );
  assertEquals(told(new FileStorageError("bad"))[0], "ZODB.FileStorage.FileStorage.FileStorageError");
  assertEquals(told(new RangeError("odd")), ["builtins.ValueError", '("odd")']);
  assertEquals(told("only text"), ["builtins.ValueError", '("only text")']);
  assertEquals(told(new POSKeyError(first, t1)), [
    "ZODB.POSException.POSKeyError",
    `(b0000000000000001,b${constants.t1})`,
  ]);
});
