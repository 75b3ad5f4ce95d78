/**
 * The load generators: C programs (`zeoload.c`, `zeocommit.c`) that are compiled when they are first needed.
 *
 * @module
 */

const sources = new URL("./", import.meta.url).pathname;

/** There is no C compiler here. */
export class NoCompiler extends Error {
  override name = "NoCompiler";
}

/** What a generator measured; latencies are in microseconds. */
export interface Measurement {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** Paths of the compiled programs. */
export interface Generators {
  readonly load: string;
  readonly commit: string;
}

async function run(command: string, args: string[]): Promise<string> {
  const output = await new Deno.Command(command, { args, stdin: "null", stdout: "piped", stderr: "piped" })
    .output();
  const text = new TextDecoder().decode(output.stdout);
  if (!output.success) {
    throw new Error(`${command} ${args.join(" ")}: ${text}${new TextDecoder().decode(output.stderr)}`.trim());
  }
  return text;
}

async function compile(name: string, folder: string): Promise<string> {
  const program = `${folder}/${name}`;
  const compilers = [Deno.env.get("CC"), "gcc", "cc", "clang"].filter((compiler) => compiler !== undefined);
  for (const compiler of compilers) {
    try {
      await run(compiler, ["-O2", "-pthread", "-o", program, `${sources}${name}.c`]);
      return program;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new NoCompiler(`no C compiler for ${name}.c: tried ${compilers.join(", ")}`);
}

/**
 * Compiles the generators into `folder`.
 *
 * @throws {NoCompiler} if none is found
 */
export async function compileGenerators(folder: string): Promise<Generators> {
  return { load: await compile("zeoload", folder), commit: await compile("zeocommit", folder) };
}

/** Runs a compiled generator and reads the line of JSON that it prints. */
export async function measure(program: string, args: readonly (string | number)[]): Promise<Measurement> {
  return JSON.parse(await run(program, args.map(String)));
}
