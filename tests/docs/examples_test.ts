/** The examples run. */

import { assert, assertMatch } from "@std/assert";

Deno.test("the example bank's tellers work at once, and no money is made or lost", async () => {
  const main = new URL("../../examples/bank/main.ts", import.meta.url).pathname;
  const args = ["run", "--no-prompt", "--no-check", "-A", main, "--tellers", "2", "--seconds", "1"];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" })
    .output();
  const text = new TextDecoder().decode(stdout);
  assert(success, text + new TextDecoder().decode(stderr));
  assertMatch(
    text,
    /^teller 1: \d+ transfers\nteller 2: \d+ transfers\n\d+ transfers between 10 accounts: .*\nthe sum is 10000, as ever\n$/,
  );
});
