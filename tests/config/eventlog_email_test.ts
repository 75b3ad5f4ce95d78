import { getLogger } from "@logtape/logtape";
import { assertEquals, assertMatch } from "@std/assert";
import { configureEventlog, parseServerConfiguration } from "../../config/mod.ts";

/** A mail server for one connection after the other; it keeps what it is told. */
class MailServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;
  readonly #offers: readonly string[];
  /** Commands, and the lines of the mails. */
  readonly lines: string[] = [];

  constructor(...offers: string[]) {
    this.#offers = offers;
    this.#serving = this.#serve();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #serve(): Promise<void> {
    for await (const conn of this.#listener) {
      const answer = async (text: string) => {
        await conn.write(new TextEncoder().encode(`${text}\r\n`));
      };
      await answer("220 ready");
      let mail = false, rest = "";
      read: for await (const text of conn.readable.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\r\n");
        rest = lines.pop()!;
        for (const line of lines) {
          this.lines.push(line);
          const command = line.slice(0, 4).toUpperCase();
          if (mail) {
            mail = line !== ".";
            if (!mail) await answer("250 taken");
          } else if (command === "QUIT") break read;
          else if (command === "EHLO") {
            await answer(["250-here", ...this.#offers, "250 8BITMIME"].join("\r\n"));
          } else if (command === "AUTH") await answer("235 welcome");
          else if (command === "DATA") {
            mail = true;
            await answer("354 go on");
          } else await answer("250 fine");
        }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }
}

function eventlog(keys: string) {
  const { eventlog } = parseServerConfiguration(`
    <zeo>
      address 0
    </zeo>
    <mappingstorage>
    </mappingstorage>
    <eventlog>
      <email-notifier>
        ${keys}
      </email-notifier>
    </eventlog>`);
  return configureEventlog(eventlog);
}

// The client of the mail server closes its socket after the mail is out, and doesn't wait for that.
const lenient = { sanitizeResources: false, sanitizeOps: false };

Deno.test(
  "each record of the level is a mail to everybody, with the formatted line as its text",
  lenient,
  async () => {
    await using server = new MailServer();
    {
      await using _log = eventlog(`
      from zeo@example.com
      to ops@example.com
      to boss@example.com
      subject Trouble
      smtp-server 127.0.0.1:${server.port}
      level error
      format %(levelname)s %(name)s %(message)s`);
      const log = getLogger(["zeo", "server"]);
      log.info`nothing to worry about`;
      log.error`the disk is full`;
    }
    const { lines } = server;
    assertEquals(lines.filter((line) => /^(MAIL|RCPT|AUTH)/.test(line)), [
      "MAIL FROM:<zeo@example.com>",
      "RCPT TO:<ops@example.com>",
      "RCPT TO:<boss@example.com>",
    ]);
    assertEquals(lines.filter((line) => line.startsWith("Subject:")), ["Subject: Trouble"]);
    assertEquals(lines.filter((line) => /disk|worry/.test(line)), [
      "ERROR ZEO.StorageServer the disk is full",
    ]);
  },
);

Deno.test("a mail server that asks who it is gets name and password", lenient, async () => {
  await using server = new MailServer("250-AUTH PLAIN");
  {
    await using _log = eventlog(`
      from zeo@example.com
      to ops@example.com
      smtp-server 127.0.0.1:${server.port}
      smtp-username ann
      smtp-password secret`);
    getLogger(["zeo"]).error`help`;
  }
  const [asked] = server.lines.filter((line) => line.startsWith("AUTH"));
  assertMatch(asked, /^AUTH PLAIN /);
  assertEquals(atob(asked.split(" ")[2]), "\0ann\0secret");
});

Deno.test(
  "mails that can't be sent are told on standard error, and nobody waits for them",
  lenient,
  async () => {
    const told: string[] = [];
    const { error } = console;
    console.error = (text: string) => void told.push(text);
    try {
      await using _log = eventlog("from a@example.com\nto b@example.com\nsmtp-server 127.0.0.1:1");
      for (let i = 0; i < 3; i++) getLogger(["zeo"]).error`help`;
    } finally {
      console.error = error;
    }
    assertEquals(told.length, 1);
    assertMatch(told[0], /^zeo\.conf:8: <email-notifier>: lines can't be logged: .*ECONNREFUSED/);
  },
);
