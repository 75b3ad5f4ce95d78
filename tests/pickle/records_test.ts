import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type Dict,
  Global,
  loadPickle,
  PersistentReference,
  PickleError,
  readRecord,
  recordClass,
  recordReferences,
  tuple,
  writeRecord,
} from "../../pickle/mod.ts";
import { concatBytes, formatOid, oid, oidBytes } from "../../values/mod.ts";
import { cases, describer } from "./cases.ts";

Deno.test("a record's class and state mean what Python says", () => {
  for (const { name, hex, class: description, state } of cases.records) {
    const record = readRecord(Uint8Array.fromHex(hex)), describe = describer();
    assertEquals([describe(record.class), describe(record.state)], [description, state], name);
  }
});

Deno.test("a record that was read and written again means the same", () => {
  for (const { name, hex, class: description, state } of cases.records) {
    const read = readRecord(Uint8Array.fromHex(hex));
    const again = readRecord(writeRecord(read.class, read.state)), describe = describer();
    assertEquals([describe(again.class), describe(again.state)], [description, state], name);
  }
});

Deno.test("records of the usual classes are written byte for byte as they were", () => {
  const usual = cases.records.filter(({ name, hex }) =>
    hex.startsWith("8003") && /^(persistent|BTrees)\./.test(name)
  );
  assertEquals(usual.length > 100, true);
  for (const { name, hex } of usual) {
    const read = readRecord(Uint8Array.fromHex(hex));
    assertEquals(writeRecord(read.class, read.state).toHex(), hex, name);
  }
});

Deno.test("the class of a record is found without reading all of it", () => {
  for (const { hex, className: [module, name] } of cases.records) {
    assertEquals(recordClass(Uint8Array.fromHex(hex)), new Global(module, name));
    const read = readRecord(Uint8Array.fromHex(hex));
    assertEquals(recordClass(writeRecord(read.class, null)), new Global(module, name));
  }
});

Deno.test("a record whose class can't be told has none", () => {
  for (
    const hex of [
      "",
      "80",
      "8003",
      "800363",
      "800363610a62",
      "80034e2e",
      "ff",
      "800328632e",
      "80035d2e",
      "80032986..",
    ]
  ) {
    assertEquals(recordClass(Uint8Array.fromHex(hex.replaceAll(".", ""))), undefined, hex);
  }
});

Deno.test("the references that pack follows are found in every form, in order, as often as they occur", () => {
  for (const { name, hex, references } of cases.records) {
    const found = recordReferences(Uint8Array.fromHex(hex));
    assertEquals(found.map((oid) => oidBytes(oid).toHex()), references, name);
  }
  assertEquals(cases.records.filter(({ references }) => references.length > 10).length > 0, true);
});

Deno.test("a reference in a form that only old Python wrote is found", () => {
  const head = "ca\nb\n.",
    reference = "c_codecs\nencode\nX\x08\0\0\0\0\0\0\0\0\0\0\x07X\x06\0\0\0latin1\x86R";
  const high = "U\x08\0\0\0\0\0\0\0\xff";
  const find = (text: string) =>
    recordReferences(Uint8Array.from(text, (c) => c.charCodeAt(0))).map(formatOid);
  assertEquals(find(`${head}${reference}cm\nc\n\x86Q.`), ["0x07"]);
  assertEquals(find(`${head}(${high}cm\nc\ntQ.`), ["0xff"]);
  assertEquals(find(`${head}(${high}cm\nc\ntQ0${high}Q.`), ["0xff", "0xff"]);
});

Deno.test("S08 weak references and those to other databases are not followed, whatever else a record has", () => {
  const oids = ["1", "2", "3", "4", "5"].map((digit) => `C\x08\0\0\0\0\0\0\0${digit}`);
  const global = "cm\nc\n", text = (word: string) => `X${String.fromCharCode(word.length)}\0\0\0${word}`;
  const references = [
    `${oids[0]}${global}\x86Q`,
    // A weak one, one to another database, with and without a class, and a weak one as it was once.
    `](${text("w")}${oids[1]}\x85eQ`,
    `](${text("m")}${text("other")}${oids[2]}${global}\x87eQ`,
    `](${text("n")}${text("other")}${oids[3]}\x86eQ`,
    `]${oids[1]}aQ`,
    `${oids[4]}Q`,
  ].join("0");
  // With a number as text, which few records have, the record is read in another way.
  for (const rest of ["", "0I1\n"]) {
    const record = `\x80\x03ca\nb\n.\x80\x03${references}${rest}.`;
    const found = recordReferences(Uint8Array.from(record, (c) => c.charCodeAt(0)));
    assertEquals(found.map(formatOid), ["0x31", "0x35"], JSON.stringify(rest));
  }
});

Deno.test("a reference to no object is an error, not an object less", () => {
  const head = "\x80\x03ca\nb\n.\x80\x03";
  for (
    const [text, message] of [
      ["NQ", "a reference to None"],
      ["N\x85Q", "a reference to None"],
      [")Q", "a reference to an empty tuple"],
      ["C\x03abcQ", "a reference to 3 bytes"],
      ["}Q", "a reference to dict"],
      ["C\x08abcdefghQNQ\x86", "a reference to None"],
      ["Pabc\n", "a reference to 3 bytes"],
    ]
  ) {
    const record = Uint8Array.from(`${head}${text}.`, (c) => c.charCodeAt(0));
    assertThrows(() => recordReferences(record), PickleError, `${message}: expected an object id of 8 bytes`);
  }
});

Deno.test("a record cut short is an error", () => {
  for (const { hex } of cases.records.slice(0, 60)) {
    const record = Uint8Array.fromHex(hex);
    for (let length = 0; length < record.length; length++) {
      assertThrows(() => recordReferences(record.subarray(0, length)), PickleError);
      assertThrows(() => readRecord(record.subarray(0, length)), PickleError);
    }
    assertThrows(
      () => readRecord(Uint8Array.of(...record, 0x4e)),
      PickleError,
      "bytes follow the record's state",
    );
  }
});

Deno.test("class and state share one memo", () => {
  const name = new Global("bank", "Account");
  const reference = new PersistentReference(tuple(oidBytes(oid(1)), new Global("bank", "Account")));
  const record = writeRecord(name, { partner: reference });
  assertEquals(
    record.toHex(),
    "80036362616e6b0a4163636f756e740a71002e80037d7101580700000070617274" +
      "6e65727102430800000000000000017103" +
      "6800867104" + "51732e",
  );
  const read = readRecord(record), partner = (read.state as Dict).get("partner") as PersistentReference;
  assertStrictEquals((partner.pid as ReturnType<typeof tuple>).items[1], read.class);
});

Deno.test("an index bucket is read without a copy", () => {
  const bucket = new Uint8Array(300_000).fill(7);
  const stream = concatBytes(
    Uint8Array.fromHex("80034306010203040506" + "42e0930400"),
    bucket,
    Uint8Array.fromHex("862e"),
  );
  const [prefix, suffixes] = loadPickle(stream) as ReturnType<typeof tuple>;
  assertEquals(prefix, new Uint8Array([1, 2, 3, 4, 5, 6]));
  assertStrictEquals((suffixes as Uint8Array).buffer, stream.buffer);
  assertEquals((suffixes as Uint8Array).length, 300_000);
});
