import { assertEquals, assertThrows } from "@std/assert";
import { LockError, LockFile } from "../../values/mod.ts";

async function inFolder(test: (path: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/Data.fs.lock`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a lock is held by one, who is named to the next, until it is given up", () =>
  inFolder((path) => {
    Deno.writeTextFileSync(path, " 1234567890123\n");
    const lock = LockFile.acquire(path);
    assertEquals(Deno.readTextFileSync(path), ` ${Deno.pid}\n`);
    assertThrows(
      () => LockFile.acquire(path),
      LockError,
      `couldn't lock ${path}: process ${Deno.pid} has it`,
    );
    lock.release();
    lock.release();
    assertEquals(Deno.readTextFileSync(path), ` ${Deno.pid}\n`);
    using again = LockFile.acquire(path);
    assertEquals(again.path, path);
  }));

Deno.test("a lock file that says nothing is a lock all the same", () =>
  inFolder((path) => {
    using holder = Deno.openSync(path, { create: true, write: true });
    holder.lockSync(true);
    assertThrows(() => LockFile.acquire(path), LockError, `couldn't lock ${path}: another process has it`);
    assertEquals(Deno.readTextFileSync(path), "");
  }));

Deno.test("a lock dies with the process that had it", () =>
  inFolder(async (path) => {
    const program = `Deno.openSync(${JSON.stringify(path)}, { create: true, write: true }).lockSync(true);
      console.log("locked");
      setTimeout(() => {}, 60_000);`;
    const child = new Deno.Command(Deno.execPath(), { args: ["eval", program], stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    assertThrows(() => LockFile.acquire(path), LockError);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    LockFile.acquire(path).release();
  }));

Deno.test("a lock in a folder that isn't there is an error that says so", () =>
  inFolder((path) => {
    assertThrows(() => LockFile.acquire(`${path}/none/Data.fs.lock`), Error, "none/Data.fs.lock");
  }));
