/**
 * The virtual environment with the Python packages that we are tested against: `.venv/` at the root, made from
 * `requirements.txt` when that file or the Python interpreter is another one than last time.
 *
 * @module
 */

const root = new URL("../../", import.meta.url).pathname;
const folder = `${root}.venv`;
const scratch = `${root}tests/interop/.work`;
const requirements = `${root}tests/interop/requirements.txt`;

/** A Python interpreter with ZEO and what belongs to it. */
export interface Environment {
  /** Path of the interpreter. */
  readonly python: string;
  /** Path of the folder with `runzeo` and the other programs. */
  readonly programs: string;
}

async function run(command: string, args: string[]): Promise<string> {
  let result: Deno.CommandOutput;
  try {
    result = await new Deno.Command(command, { args, stdin: "null", stdout: "piped", stderr: "piped" })
      .output();
  } catch (error) {
    throw new Error(`${command}: ${error instanceof Error ? error.message : error}`);
  }
  const text = new TextDecoder().decode(result.stdout);
  if (!result.success) {
    const lines = `${text}\n${new TextDecoder().decode(result.stderr)}`.trim().split("\n");
    throw new Error(`${command} ${args.join(" ")}: exit code ${result.code}: ${lines.slice(-5).join(" | ")}`);
  }
  return text.trim();
}

async function fingerprint(): Promise<string> {
  const interpreter = await run("python3", ["-c", "import sys; print(sys.version, sys.executable)"]);
  const text = `${interpreter}\n${await Deno.readTextFile(requirements)}`;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

async function readText(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Makes the environment where it is not there yet. Several processes may call it at once: one works, the others wait.
 *
 * @throws {Error} if there is no Python 3, or its packages can't be installed
 */
export async function prepareEnvironment(): Promise<Environment> {
  const wanted = await fingerprint();
  const marker = `${folder}/made-from`;
  await Deno.mkdir(scratch, { recursive: true });
  // Not inside the environment: making it anew removes everything there, a lock that others wait for included.
  using lock = await Deno.open(`${scratch}/environment.lock`, { create: true, write: true });
  await lock.lock(true);
  if (await readText(marker) !== wanted) {
    await run("python3", ["-m", "venv", "--clear", folder]);
    await run(`${folder}/bin/python`, [
      ...["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"],
      ...["--requirement", requirements],
    ]);
    await Deno.writeTextFile(marker, wanted);
  }
  return { python: `${folder}/bin/python`, programs: `${folder}/bin` };
}
