import { assertEquals, assertThrows } from "@std/assert";
import { lineEncoder } from "../../config/log_encoding.ts";
import { LogFile } from "../../config/log_file.ts";
import { type Rotation, SizeRotation, TimeRotation } from "../../config/log_rotation.ts";
import { cases, inZone } from "./eventlog_cases.ts";

const DAY = 86_400_000;

function inFolder(run: (path: string, read: () => Record<string, string>) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    run(`${folder}/log`, () => {
      const names = Array.from(Deno.readDirSync(folder), (entry) => entry.name).sort();
      return Object.fromEntries(names.map((name) => [name, Deno.readTextFileSync(`${folder}/${name}`)]));
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function logFile(path: string, rotation?: Rotation): LogFile {
  return new LogFile({ path, encode: lineEncoder("utf-8")!, rotation });
}

Deno.test("rotation by size leaves the files that Python leaves", () => {
  for (const { maxSize, oldFiles, messages, files } of cases.sizeRotation) {
    inFolder((path, read) => {
      const file = logFile(path, new SizeRotation(maxSize, oldFiles));
      for (const message of messages) file.write(message, 0);
      file.close();
      assertEquals(read() as Record<string, unknown>, files as Record<string, unknown>);
    });
  }
});

Deno.test("a line longer than the size limit does not rotate an empty file", () => {
  inFolder((path, read) => {
    const file = logFile(path, new SizeRotation(10, 2));
    file.write("a line of more than ten bytes", 0);
    file.close();
    assertEquals(read(), { log: "a line of more than ten bytes\n" });
  });
});

Deno.test("rotation by time happens when Python's does, and names old files as Python does", () => {
  for (const { zone, when, interval, modified, next, old } of cases.rotationTimes) {
    inZone(zone, () => {
      inFolder((path, read) => {
        Deno.writeTextFileSync(path, "before\n");
        Deno.utimeSync(path, modified, modified);
        const rotation = new TimeRotation(when, interval, 3);
        const file = logFile(path, rotation);
        file.open(modified * 1000 + DAY);
        const what = `${when} ${interval} from ${modified} in ${zone}`;
        assertEquals(rotation.next / 1000, next, what);
        file.write("late", next * 1000 - 1);
        file.write("after", next * 1000);
        file.close();
        const files = read();
        assertEquals(files.log, "after\n", what);
        if (old !== null) assertEquals(files[`log${old}`], "before\nlate\n", what);
      });
    });
  }
});

Deno.test("rotation by time keeps old-files files and leaves others alone", () => {
  inZone("UTC", () => {
    inFolder((path, read) => {
      Deno.writeTextFileSync(`${path}.readme`, "mine");
      const file = logFile(path, new TimeRotation("midnight", 1, 2));
      for (let day = 0; day < 5; day++) file.write(`day ${day}`, day * DAY);
      file.close();
      assertEquals(read(), {
        "log": "day 4\n",
        "log.1970-01-03": "day 2\n",
        "log.1970-01-04": "day 3\n",
        "log.readme": "mine",
      });
    });
  });
});

Deno.test("every third midnight means three days, and two weeks fourteen", () => {
  inZone("UTC", () => {
    for (const [when, interval, expected] of [["midnight", 3, 3], ["W3", 1, 1], ["W3", 2, 8]] as const) {
      const rotation = new TimeRotation(when, interval, 1);
      rotation.opened(DAY / 2, undefined); // the first day of 1970 was a Thursday
      assertEquals(rotation.next, expected * DAY);
    }
  });
});

Deno.test("an old file of the same name is not overwritten", () => {
  inZone("UTC", () => {
    inFolder((path, read) => {
      const file = logFile(path, new TimeRotation("D", 1, 5));
      file.write("one", 0);
      file.reopen(1000);
      file.write("two", 2000);
      file.reopen(3000);
      file.write("three", 4000);
      file.close();
      assertEquals(read(), { "log": "two\nthree\n", "log.1970-01-01": "one\n" });
    });
  });
});

Deno.test("a file that can't be renamed is written to all the same", () => {
  inFolder((path, read) => {
    const file = logFile(path, new SizeRotation(4, 1));
    file.write("one", 0);
    Deno.mkdirSync(`${path}.1`);
    assertThrows(() => file.write("two", 0));
    file.close();
    Deno.removeSync(`${path}.1`);
    assertEquals(read(), { log: "one\ntwo\n" });
  });
});

Deno.test("encodings write what they can and escape the rest", () => {
  const text = (encoding: string) => new TextDecoder("latin1").decode(lineEncoder(encoding)!("aé€\u{1f600}"));
  assertEquals(text("ascii"), "a\\xe9\\u20ac\\U0001f600");
  assertEquals(text("ISO_8859-1"), "aé\\u20ac\\U0001f600");
  assertEquals(lineEncoder("UTF8")!("é"), Uint8Array.of(0xc3, 0xa9));
  assertEquals(lineEncoder("ebcdic"), undefined);
});
