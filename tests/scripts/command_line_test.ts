import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { parseArguments } from "../../scripts/arguments.ts";
import { commands } from "../../scripts/commands.ts";
import { Progress, progressText } from "../../scripts/progress.ts";
import { bytesText, fixed, latinText, timeText } from "../../scripts/python_text.ts";
import { LockFile, tidFromTime } from "../../values/mod.ts";
import { fileStorageFixture, fileStorageFixtures } from "../fixtures/mod.ts";
import { formatAddress } from "../../protocol/mod.ts";
import { Serving } from "../server/serving.ts";
import { inFolder, names, zeo, zeoJson } from "./run.ts";

Deno.test("every command has a help text with an example, by --help, -h and help", async () => {
  for (const { name } of commands) {
    const { code, output } = await zeo(name, "--help");
    assertEquals(code, 0, name);
    assertMatch(output, /Usage: zeo /, name);
    assertMatch(output, /Example:/, name);
    assertEquals((await zeo(name, "-h")).output, output);
    assertEquals((await zeo("help", name)).output, output);
    for (const line of output.split("\n")) assert(line.length <= 100, line);
  }
});

Deno.test("the overview has every command on one screen", async () => {
  const { output, code } = await zeo("--help");
  assertEquals(code, 0);
  for (const { name, summary } of commands) {
    assert(output.includes(`  ${name} `) && output.includes(summary), name);
  }
  const lines = output.trimEnd().split("\n");
  assert(lines.length <= 24, `${lines.length} lines`);
  for (const line of lines) assert(line.length <= 80, line);
});

/** The calls of a text's examples: what follows `zeo` in a line that begins with `$`, or with a command's name. */
function calls(text: string): string[][] {
  return text.split("\n").flatMap((line) => {
    const match = /(?:^\s*\$ |^|[(|] ?)zeo ([a-z-]+\b[^|)<>]*)/.exec(line);
    return match ? [match[1].trim().split(/\s+/).map((word) => word.replaceAll(/^['"]|['"]$/g, ""))] : [];
  });
}

Deno.test("the example of every help text is one that can be understood", () => {
  for (const command of commands) {
    const examples = calls(command.example).filter(([name]) => name === command.name);
    assert(examples.length > 0, command.name);
    for (const [, ...args] of examples) if (!command.passesArguments) parseArguments(command, args);
  }
});

Deno.test("every command in the guide can be understood, and none is missing", async () => {
  const guide = await Deno.readTextFile(new URL("../../docs/tools.md", import.meta.url));
  const seen = new Set<string>();
  for (const block of guide.matchAll(/^```(?:sh|console)\n([\s\S]*?)^```/gm)) {
    for (const [name, ...args] of calls(block[1])) {
      const command = commands.find((each) => each.name === name);
      if (command === undefined) throw new Error(`there is no zeo ${name}`);
      if (!command.passesArguments) parseArguments(command, args);
      seen.add(name);
    }
  }
  assertEquals([...seen].sort(), commands.map(({ name }) => name).sort());
});

Deno.test("every command that is named in the documentation is there, and so is every file", async () => {
  const root = new URL("../../", import.meta.url);
  for (
    const name of [
      "README.md",
      ...names(fromFileUrl(new URL("docs", root))).map((name) => `docs/${name}`),
    ]
  ) {
    if (!name.endsWith(".md")) continue;
    const text = await Deno.readTextFile(new URL(name, root));
    for (const [, command] of text.matchAll(/(?:`|\$ )zeo ([a-z][a-z-]*)/g)) {
      assert(commands.some((each) => each.name === command), `${name}: zeo ${command}`);
    }
    for (const [, link] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      await Deno.stat(new URL(link, new URL(name, root)));
    }
    for (const [, path] of text.matchAll(/`((?:docs|examples|tests)\/[\w./-]+)`/g)) {
      await Deno.stat(new URL(path, root));
    }
  }
});

Deno.test("a call that can't be understood ends with 2 and says why", async () => {
  const calls: readonly (readonly [RegExp, ...string[]])[] = [
    [/no command "dmp"/, "dmp", "x"],
    [/dump needs FILE/, "dump"],
    [/"more" is too much/, "dump", "Data.fs", "more"],
    [/dump has no option --colour/, "dump", "--colour", "Data.fs"],
    [/dump has no option -x/, "dump", "-x", "Data.fs"],
    [/--json takes no value/, "dump", "--json=yes", "Data.fs"],
    [/--transactions needs a value/, "tail", "Data.fs", "-n"],
    [/--transactions "many": expected a whole number/, "tail", "-n", "many", "Data.fs"],
    [/--transactions is given twice/, "tail", "-n", "1", "-n", "2", "Data.fs"],
    [/object id "1x": expected a number/, "trace-oid", "Data.fs", "1x"],
    [/object id "18446744073709551616"/, "trace-oid", "Data.fs", "18446744073709551616"],
    [/--sort "colour": expected name, bytes, count/, "stats", "--sort", "colour", "Data.fs"],
    [/--date "2026-02-31": expected yyyy-mm-dd/, "restore", "-D", "2026-02-31", "dir", "out"],
    [/completions "tcsh": expected bash, zsh, fish/, "completions", "tcsh"],
    [/copy needs FROM TO/, "copy", "Data.fs"],
    [/backup needs FILE DIR/, "backup", "Data.fs"],
  ];
  for (const [message, ...args] of calls) {
    const { code, messages, output } = await zeo(...args);
    assertEquals([code, output], [2, ""], args.join(" "));
    assertMatch(messages, message);
  }
});

Deno.test("a file that isn't there, or is something else, ends every command with 1", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/text`, "not a database at all");
    for (const command of ["dump", "tail", "stats", "trace-oid", "verify", "copy", "backup", "recover"]) {
      const more: Record<string, string[]> = {
        "trace-oid": ["0"],
        copy: [`${folder}/new`],
        backup: [folder],
        recover: [`${folder}/new`],
      };
      const missing = await zeo(command, `${folder}/missing`, ...more[command] ?? []);
      assertEquals([missing.code, missing.output], [1, ""], command);
      assertMatch(missing.messages, /missing/, command);
      if (command === "recover") continue;
      const directory = await zeo(command, folder, ...more[command] ?? []);
      assertEquals([directory.code, directory.output], [1, ""], command);
      assert(directory.messages.includes(`${folder}: is a directory`), directory.messages);
      const other = await zeo(command, `${folder}/text`, ...more[command] ?? []);
      assertEquals(other.code, 1, command);
      assertMatch(other.messages + other.output, /expected "FS30"/, command);
    }
    assertEquals(names(folder), ["text"]);
  });
});

Deno.test("options may stand anywhere, be joined, and end at --", () => {
  const tail = commands.find(({ name }) => name === "tail")!;
  const backup = commands.find(({ name }) => name === "backup")!;
  const given = (args: string[], command = tail) => {
    const { operands, options } = parseArguments(command, args);
    return [operands, Object.fromEntries([...options].filter(([, values]) => values.length > 0))];
  };
  assertEquals(given(["-n5", "Data.fs"]), [["Data.fs"], { transactions: ["5"] }]);
  assertEquals(given(["Data.fs", "--transactions=5", "--json"]), [["Data.fs"], {
    transactions: ["5"],
    json: [""],
  }]);
  assertEquals(given(["--", "-n"]), [["-n"], {}]);
  assertEquals(given(["12"]), [["12"], {}]);
  assertEquals(given(["-FQz", "Data.fs", "dir"], backup), [["Data.fs", "dir"], {
    full: [""],
    quick: [""],
    gzip: [""],
  }]);
});

Deno.test("the completions name every command and option, for every shell", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { output, code } = await zeo("completions", shell);
    assertEquals(code, 0);
    for (const { name, options } of commands) {
      assert(output.includes(name), `${shell}: ${name}`);
      for (const option of options) assert(output.includes(option.name), `${shell}: ${option.name}`);
    }
    assertEquals((await zeoJson<{ script: string }>("completions", shell)).script + "\n", output);
  }
});

Deno.test("progress on a terminal is one line that changes and then goes", () => {
  let now = 0, shown = "";
  const sink = { terminal: true, write: (text: string) => void (shown += text) };
  {
    using progress = new Progress("copy", sink, () => now);
    progress.update({ bytes: 0, total: 1000 });
    assertEquals(shown, "");
    now = 1000;
    progress.update({ bytes: 250, objects: 3, total: 1000 });
    assertEquals(shown, "\rcopy: 3 objects, 250 bytes of 1.0 kB, 25 %, 250 bytes/s, 0:03 left");
    now = 1100;
    progress.update({ bytes: 300, total: 1000 });
  }
  assertMatch(shown, /left\r +\r$/);
  assertEquals(shown.split("\n").length, 1);
});

Deno.test("progress in a log is a line every ten seconds", () => {
  let now = 0;
  const lines: string[] = [];
  {
    using progress = new Progress(
      "verify",
      { terminal: false, write: (text) => void lines.push(text) },
      () => now,
    );
    for (; now <= 35_000; now += 100) progress.update({ bytes: now, total: 70_000 });
  }
  assertEquals(lines, [
    "verify: 10.0 kB of 70.0 kB, 14 %, 1.0 kB/s, 1:00 left\n",
    "verify: 20.0 kB of 70.0 kB, 28 %, 1.0 kB/s, 0:50 left\n",
    "verify: 30.0 kB of 70.0 kB, 42 %, 1.0 kB/s, 0:40 left\n",
  ]);
  assertEquals(progressText("x", { bytes: 5e9 }, 0), "x: 5.0 GB");
});

// The expected texts are what Python 3 prints.
Deno.test("bytes, numbers and times look as in Python's tools", () => {
  const bytes = (...values: number[]) => bytesText(new Uint8Array(values));
  assertEquals(bytes(0x27, 0x22, 0xff, 0x0a, 0x5c), `b'\\'"\\xff\\n\\\\'`);
  assertEquals(bytes(0x69, 0x74, 0x27, 0x73), `b"it's"`);
  assertEquals(bytes(0x22, 0, 0x7f, 0x1b), `b'"\\x00\\x7f\\x1b'`);
  assertEquals(latinText(" "), "' '");
  assertEquals([fixed(88.125, 2), fixed(139.625, 2), fixed(0.5, 0), fixed(2.675, 2)], [
    "88.12",
    "139.62",
    "0",
    "2.67",
  ]);
  assertEquals(timeText(tidFromTime(Date.UTC(2024, 1, 29, 23, 59, 2, 500))), "2024-02-29 23:59:02.500000");
});

Deno.test("an unfinished transaction at the end is left out, and that is said", async () => {
  await inFolder(async (folder) => {
    const path = fileStorageFixture("voted").copyTo(folder);
    const before = names(folder);
    const whole = await zeoJson<unknown[]>("trace-oid", path, "0");
    assertEquals(whole.length, 1);
    for (const command of ["dump", "tail", "stats"]) {
      const { code, messages, output } = await zeo(command, path);
      assertEquals(code, 0);
      assertMatch(messages, /unfinished transaction: voted and not finished; left out/);
      assert(output.length > 0);
    }
    assertEquals((await zeo("verify", path)).code, 1);
    assertEquals(names(folder), before);
  });
});

Deno.test("a transaction that a server finishes while a file is checked is no damage", async () => {
  await inFolder(async (folder) => {
    const path = fileStorageFixture("voted").copyTo(folder);
    const [voted] = (await zeo("dump", path)).messages.match(/(?<=at )\d+/)!;
    assertEquals((await zeo("verify", path)).code, 1);
    const checking = zeo("verify", path);
    using file = await Deno.open(path, { write: true });
    await file.seek(Number(voted) + 16, Deno.SeekMode.Start);
    await file.write(new TextEncoder().encode(" "));
    const { code, output } = await checking;
    assertEquals(code, 0, output);
  });
});

Deno.test("a voted transaction of a server that has the file open is no damage, and that is said", async () => {
  await inFolder(async (folder) => {
    const path = fileStorageFixture("voted").copyTo(folder);
    {
      using _lock = LockFile.acquire(`${path}.lock`);
      const { code, output, messages } = await zeo("verify", path);
      assertEquals([code, /no errors detected/.test(output)], [0, true], output);
      assertMatch(
        messages,
        /at \d+ there is a transaction in progress, of the server that has the file open/,
      );
      const { ok, inProgress } = await zeoJson<{ ok: boolean; inProgress: { voted: boolean } }>(
        "verify",
        path,
      );
      assertEquals([ok, inProgress.voted], [true, true]);
      // Something else that is wrong is told all the same.
      using file = await Deno.open(path, { write: true });
      await file.seek(1, Deno.SeekMode.Start);
      await file.write(new TextEncoder().encode("X"));
      assertEquals((await zeo("verify", path)).code, 1);
    }
    assertEquals((await zeo("verify", fileStorageFixture("voted").copyTo(folder))).code, 1);
  });
});

for (const command of ["dump", "tail", "stats", "trace-oid", "verify", "recover", "copy", "backup"]) {
  Deno.test(`whatever a file looks like, ${command} ends well or with one clear message`, async () => {
    for (const fixture of fileStorageFixtures()) {
      await inFolder(async (folder) => {
        const path = fixture.copyTo(folder), before = await Deno.readFile(path);
        // As if nobody had written to it for long: then there is nothing to wait for.
        await Deno.utime(path, 0, 0);
        const more: Record<string, string[]> = {
          "trace-oid": ["0", "1"],
          recover: [`${folder}/new.fs`],
          copy: [`${folder}/new.fs`],
          backup: [folder],
        };
        const { code, output, messages } = await zeo(command, path, ...more[command] ?? []);
        const name = `${fixture.name}: ${messages}`;
        assert(code === 0 || code === 1, name);
        assert(messages.split("\n").length <= 2, name);
        if (code === 1 && command !== "verify") assertMatch(messages, /^zeo: .+\n$/, name);
        assertEquals(messages.includes("    at "), false, name);
        if (code === 0 && messages === "" && before.length > 100) assert(output !== "", name);
        assertEquals(await Deno.readFile(path), before, name);
      });
    }
  });
}

Deno.test("check makes do with whatever its status file has, and writes it anew", async () => {
  await inFolder(async (folder) => {
    await using serving = await Serving.start({ storage: "mapping" });
    const status = `${folder}/status`, address = formatAddress(serving.address);
    const rates = async () => {
      const { messages, output } = await zeo("check", "-m", "-s", status, address);
      assertEquals(messages, "");
      return /\bcommits=0\.0/.test(output);
    };
    for (const before of ["", "garbage", "null", "[1]", '{"1":null}', '{"1":5}', '{"1":{}}']) {
      await Deno.writeTextFile(status, before);
      assertEquals(await rates(), false, before);
      assertEquals(Object.keys(JSON.parse(await Deno.readTextFile(status))), ["1"]);
    }
    assertEquals(await rates(), true);
  });
});
