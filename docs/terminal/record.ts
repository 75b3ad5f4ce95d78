/**
 * Records the terminal sessions in this folder anew: `deno run -A docs/terminal/record.ts`.
 *
 * Each is run for real, in a folder of its own that the texts call /srv/zeo, with a server on a free port that they call
 * 8100. What is shown is what the commands print; dates and ids differ from run to run.
 *
 * @module
 */

const program = new URL("../../scripts/zeo.ts", import.meta.url).pathname;
const target = new URL(".", import.meta.url).pathname;

/** A session: what is done before it, unseen, and what is typed. */
interface Session {
  readonly name: string;
  readonly prepare?: string;
  readonly commands: readonly string[];
}

/** Objects in several transactions, some of which nothing refers to any more. */
const FILL = `const shop = new PersistentMap()
root.set("shop", shop); commit()
for (let day = 1; day <= 30; day++) {
  for (let n = 0; n < 40; n++) shop.set("article " + n, new PersistentMap([["name", "article " + n], ["sold", day * n]]))
  await commit()
}
root.set("log", new PersistentList(Array.from({ length: 500 }, (_, n) => "line " + n))); commit()
root.delete("log"); commit()
`;
const MORE =
  `for (let n = 0; n < 5; n++) { await root.set("more " + n, new PersistentList([n])); await commit() }\n`;

const SESSIONS: readonly Session[] = [
  {
    name: "pack",
    commands: [
      "zeo status localhost:8100 | head -4",
      "zeo pack --dry-run localhost:8100",
      "zeo pack localhost:8100",
      "zeo pack --days 3 --all localhost:8100",
      "zeo pack localhost:8100:other; echo $?",
      "zeo verify --references Data.fs",
    ],
  },
  {
    name: "copy",
    prepare:
      "printf 'a picture' > picture; zeo shell --blob-dir blobs Source.fs < blob; zeo shell Data2.fs < fill",
    commands: [
      "zeo copy --dry-run Data2.fs Copy.fs",
      "zeo copy Data2.fs Copy.fs",
      "zeo shell Data2.fs < more",
      "zeo copy Data2.fs Copy.fs",
      "cmp Data2.fs Copy.fs && echo the same",
      "zeo copy Source.fs Target.fs; echo $?",
      "zeo copy --from-blobs blobs --to-blobs target-blobs Source.fs Target.fs",
      "zeo copy localhost:8100 FromServer.fs",
    ],
  },
  {
    name: "verify",
    prepare: "zeo shell Data2.fs < fill; cp Data2.fs Damaged.fs",
    commands: [
      "zeo verify Data2.fs",
      "zeo verify --references Data2.fs",
      "printf 'X' | dd of=Damaged.fs bs=1 seek=LENGTH conv=notrunc status=none",
      "zeo verify Damaged.fs; echo $?",
      "zeo recover --dry-run Damaged.fs Rescued.fs",
      "zeo recover Damaged.fs Rescued.fs",
      "zeo verify Rescued.fs",
      "zeo verify --json Rescued.fs",
    ],
  },
  {
    name: "backup",
    prepare: "mkdir backups",
    commands: [
      "zeo backup --dry-run -z Data.fs backups",
      "zeo backup -z Data.fs backups",
      "zeo shell localhost:8100 < more",
      "zeo backup -z Data.fs backups",
      "zeo backup -z Data.fs backups",
      "zeo backup --verify backups",
      "zeo restore backups Restored.fs",
      "zeo verify Restored.fs",
      "for f in backups/*.deltafsz; do printf 'X' | dd of=$f bs=1 seek=40 conv=notrunc status=none; done",
      "zeo backup --verify backups; echo $?",
      "zeo restore backups Again.fs; echo $?",
    ],
  },
];

async function shell(folder: string, command: string): Promise<string> {
  const { stdout } = await new Deno.Command("bash", {
    // In one stream, in the order in which it would be seen.
    args: [
      "-c",
      `zeo() { "${Deno.execPath()}" run --no-prompt -A "${program}" "$@"; }\n{ ${command}\n} 2>&1`,
    ],
    cwd: folder,
    env: { NO_COLOR: "1", TZ: "UTC" },
  }).output();
  return new TextDecoder().decode(stdout);
}

/** A server of `Data.fs` in a folder; told where it listens. */
async function serve(folder: string): Promise<{ readonly child: Deno.ChildProcess; readonly port: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-A", program, "serve", "-a", "127.0.0.1:0", "-f", "Data.fs"],
    ...{ cwd: folder, stdout: "piped", stderr: "null" },
  }).spawn();
  let told = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    told += text;
    const match = /listening on \S+:(\d+)/.exec(told);
    if (match) return { child, port: match[1] };
  }
  throw new Error(`the server said ${told}`);
}

/** Where the eleventh transaction says how long it is: what is wrong there can be found. */
async function lengthPosition(folder: string): Promise<string> {
  const lines = (await shell(folder, "zeo dump --json Damaged.fs")).split("\n");
  return String(JSON.parse(lines[10]).position + 15);
}

async function record({ name, prepare, commands }: Session): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/fill`, FILL);
    await Deno.writeTextFile(`${folder}/more`, MORE);
    await Deno.writeTextFile(
      `${folder}/blob`,
      `const b = new Blob(); await b.write(new TextEncoder().encode("a picture")); root.set("b", b); commit()\n`,
    );
    await shell(folder, "zeo shell Data.fs < fill");
    const { child, port } = await serve(folder);
    if (prepare !== undefined) console.log(await shell(folder, prepare));
    let text = "$ cd /srv/zeo\n";
    const length = prepare?.includes("Damaged.fs") ? await lengthPosition(folder) : "";
    for (const each of commands) {
      const command = each.replace("LENGTH", length);
      text += `$ ${command}\n${await shell(folder, command.replaceAll("8100", port))}`;
    }
    const neutral = text.replaceAll(`:${port}`, ":8100").replaceAll(folder, "/srv/zeo");
    await Deno.writeTextFile(`${target}${name}.txt`, neutral);
    child.kill();
    await child.status;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const session of SESSIONS) {
  if (Deno.args.length === 0 || Deno.args.includes(session.name)) await record(session);
}
