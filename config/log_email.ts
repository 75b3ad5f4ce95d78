/**
 * `<email-notifier>`: every record as a mail of its own.
 *
 * @module
 */

import type { EmailHandler } from "./eventlog_section.ts";
import { Outbox } from "./log_outbox.ts";

/** A mail server takes its time. */
const PATIENCE = 4000;

/** What is used of the package. */
interface Mailer {
  createTransport(options: Readonly<Record<string, unknown>>): MailTransport;
}

interface MailTransport {
  sendMail(mail: Readonly<Record<string, unknown>>): Promise<unknown>;
  close(): void;
}

/** Sends records as mails. */
export class EmailNotifier {
  readonly #handler: EmailHandler;
  readonly #outbox: Outbox<string>;

  constructor(handler: EmailHandler, report: (error: unknown) => void) {
    this.#handler = handler;
    this.#outbox = new Outbox((text, signal) => this.#send(text, signal), report);
  }

  /** Sends a line, some time soon. */
  put(text: string): void {
    this.#outbox.put(text);
  }

  /** Resolves when everything has been sent. */
  flush(): Promise<void> {
    return this.#outbox.flush();
  }

  /** Drops what has not been sent. */
  close(): void {
    this.#outbox.close();
  }

  async #send(text: string, signal: AbortSignal): Promise<void> {
    const { from, to, subject, smtpServer, smtpUsername, smtpPassword } = this.#handler;
    // Loaded with the first mail: most servers send none.
    const { default: mailer }: { default: Mailer } = await import("nodemailer");
    const transport = mailer.createTransport({
      host: smtpServer.host,
      port: smtpServer.port ?? 25,
      auth: smtpUsername === "" ? undefined : { user: smtpUsername, pass: smtpPassword },
      // Encrypted where the server offers it. The original never is, so whose certificate it is can't matter.
      tls: { rejectUnauthorized: false },
      // What it would ask the system for, which takes a permission.
      name: "localhost",
      ...{ connectionTimeout: PATIENCE, greetingTimeout: PATIENCE, socketTimeout: PATIENCE },
      ...{ disableFileAccess: true, disableUrlAccess: true },
    });
    const stop = () => transport.close();
    signal.addEventListener("abort", stop);
    try {
      await transport.sendMail({ from, to: [...to], subject, text });
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  }
}
