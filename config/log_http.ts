/**
 * `<http-logger>`: every record as a form, in the query of a GET or the body of a POST.
 *
 * @module
 */

import { Outbox } from "./log_outbox.ts";
import { type EventRecord, FIELD_NAMES, readField } from "./log_record.ts";
import { formatTraceback } from "./log_traceback.ts";
import { valueText } from "./log_values.ts";

/** Sends records to a web server. */
export class HttpLogger {
  readonly #outbox: Outbox<URLSearchParams>;

  constructor(url: string, method: "GET" | "POST", report: (error: unknown) => void) {
    this.#outbox = new Outbox((form, signal) => request(url, method, form, signal), report);
  }

  /** Sends a record, some time soon. */
  put(record: EventRecord): void {
    const form = new URLSearchParams();
    for (const name of FIELD_NAMES) {
      // A form has no asctime and no message: the receiver makes them from created and msg, as it always did.
      if (name !== "message") form.set(name, valueText(readField(record, name)));
    }
    if (record.error !== undefined) form.set("exc_text", formatTraceback(record.error));
    this.#outbox.put(form);
  }

  /** Resolves when everything has been sent. */
  flush(): Promise<void> {
    return this.#outbox.flush();
  }

  /** Drops what has not been sent. */
  close(): void {
    this.#outbox.close();
  }
}

async function request(
  url: string,
  method: string,
  form: URLSearchParams,
  signal: AbortSignal,
): Promise<void> {
  const response = method === "POST"
    ? await fetch(url, { method, body: form, signal })
    : await fetch(`${url}${url.includes("?") ? "&" : "?"}${form}`, { signal });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}
