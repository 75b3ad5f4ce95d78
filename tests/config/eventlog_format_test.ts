import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { compileFormat } from "../../config/log_formatter.ts";
import { formatMagnitude } from "../../config/log_numbers.ts";
import { FormatSyntaxError } from "../../config/log_segments.ts";
import { formatTime } from "../../config/log_time.ts";
import { syslogMessage } from "../../config/log_syslog.ts";
import { caseRecord, cases, inZone, styleOf } from "./eventlog_cases.ts";

const DATE_FORMAT = "%Y-%m-%dT%H:%M:%S";

function compile(format: string, style = "classic", arbitraryFields = false, dateformat = DATE_FORMAT) {
  return compileFormat({ format, style: styleOf(style), dateformat, arbitraryFields });
}

Deno.test("every format prints what Python prints", () => {
  inZone("UTC", () => {
    for (const { style, format, record, expected } of cases.lines) {
      const line = compile(format, style).format(caseRecord(record as keyof typeof cases.records));
      assertEquals(line, expected, `${style} ${JSON.stringify(format)} with the ${record} record`);
    }
  });
});

Deno.test("a format that Python refuses is refused, and the error says what was expected", () => {
  for (const { style, format } of cases.refused) {
    const error = assertThrows(() => compile(format, style), FormatSyntaxError, "expected", format);
    assertEquals(error.expected === "", false);
  }
});

Deno.test("dates print as Python prints them, in four time zones", () => {
  for (const { zone, dateformat, moment, expected } of cases.dates) {
    const record = caseRecord("plain", { created: moment * 1000 + 125 });
    const line = inZone(zone, () => compile("%(asctime)s", "classic", false, dateformat).format(record));
    assertEquals(line, expected, `${dateformat} of ${moment} in ${zone}`);
  }
});

Deno.test("a zone without an English abbreviation prints its offset", () => {
  assertEquals(inZone("Asia/Kolkata", () => formatTime(new Date(0), "%Z")), "+0530");
});

Deno.test("syslog messages have the priorities that Python gives them", () => {
  for (const { facility, level, expected } of cases.syslog) {
    const bytes = syslogMessage(facility, level, "ZEO.runzeo (4711) opening storage '1' using FileStorage");
    assertEquals(new TextDecoder().decode(bytes), expected);
  }
});

Deno.test("a syslog message that no datagram can carry is cut and still ends with its NUL", () => {
  const bytes = syslogMessage("user", 20, "x".repeat(100_000));
  assertEquals([bytes.length, bytes.at(-1), bytes.at(-2)], [60_000, 0, 120]);
});

Deno.test("an unknown field is refused by name unless arbitrary fields are allowed", () => {
  assertThrows(() => compile("%(client)s %(message)s"), FormatSyntaxError, 'unknown field "client"');
  const lines = compile("%(client)-4s|%(size)05d|%(message)s", "classic", true);
  const message = "done";
  assertEquals(
    lines.format(caseRecord("plain", { message, properties: { client: "w1", size: 42 } })),
    "w1  |00042|done",
  );
  assertEquals(lines.format(caseRecord("plain", { message })), "    |     |done");
});

Deno.test("a field of an unexpected kind still prints", () => {
  const properties = { size: "big", list: [1n, 2n] };
  const record = caseRecord("plain", { properties });
  assertEquals(compile("%(size)5d|%(list)x", "classic", true).format(record), "  big|[ 1n, 2n ]");
  assertEquals(compile("{size:5d}|{list:,}", "format", true).format(record), "big  |[ 1n, 2n ]");
});

Deno.test("an error is printed below its line as a traceback, innermost call last, causes first", () => {
  const cause = new TypeError("no bytes");
  cause.stack =
    "TypeError: no bytes\n    at read (file:///srv/a%20b/disk.ts:12:3)\n    at file:///srv/main.ts:4:1";
  const error = new Error("can't vote", { cause });
  error.stack =
    "Error: can't vote\n    at async Session.vote (file:///srv/session.ts:7:9)\n    at <anonymous>";
  assertEquals(
    compile("%(message)s").format(caseRecord("plain", { message: "While voting", error })),
    [
      "While voting",
      "Traceback (most recent call last):",
      '  File "/srv/main.ts", line 4, in <module>',
      '  File "/srv/a b/disk.ts", line 12, in read',
      "TypeError: no bytes",
      "",
      "The above exception was the direct cause of the following exception:",
      "",
      "Traceback (most recent call last):",
      "  at <anonymous>",
      '  File "/srv/session.ts", line 7, in Session.vote',
      "Error: can't vote",
    ].join("\n"),
  );
});

Deno.test("errors that cause each other end", () => {
  const one = new Error("one");
  one.cause = new Error("two", { cause: one });
  const text = compile("%(message)s").format(caseRecord("plain", { error: one }));
  assertEquals(text.match(/direct cause/g)?.length, 8);
});

Deno.test("format json writes one object a line, whatever was logged", () => {
  const lines = compile("json", "template");
  const circular: Record<string, unknown> = { oid: 1n };
  const record = caseRecord("critical", { properties: { oid: 2n ** 63n } });
  assertEquals(JSON.parse(lines.format(record)), {
    time: "2023-11-14T22:13:20.125Z",
    level: "CRITICAL",
    logger: "ZEO.StorageServer",
    message: cases.records.critical.message,
    process: 99,
    properties: { oid: "9223372036854775808" },
  });
  circular.self = circular;
  assertEquals(lines.format(caseRecord("critical", { properties: circular })).includes("\n"), false);
  const failed = JSON.parse(
    lines.format(caseRecord("plain", { error: new RangeError("far"), properties: {} })),
  );
  assertEquals([failed.error.name, failed.error.message, failed.properties], [
    "RangeError",
    "far",
    undefined,
  ]);
});

Deno.test("numbers printed with 17 digits read back as the same number", () => {
  fc.assert(fc.property(fc.double({ noNaN: true, min: 0 }), (number) => {
    assertEquals(
      Number(formatMagnitude(number, { type: "e", precision: 17 }).replace("inf", "Infinity")),
      number,
    );
    assertEquals(Number(formatMagnitude(number, { type: "r" }).replace("inf", "Infinity")), number);
  }));
});

Deno.test("no format makes the reader fail with anything but a syntax error, or the writer with anything", () => {
  const piece = fc.oneof(
    fc.constantFrom(..."%({})$:!<>^=+- #0,._.sdfgexrac", "message", "levelno"),
    fc.string(),
  );
  const formats = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(
      formats,
      fc.constantFrom("classic", "format", "template", "safe-template"),
      (format, style) => {
        let lines;
        try {
          lines = compile(format, style, true);
        } catch (error) {
          if (!(error instanceof FormatSyntaxError)) throw error;
          return;
        }
        assertEquals(typeof lines.format(caseRecord("blather")), "string");
      },
    ),
  );
});
