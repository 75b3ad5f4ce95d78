/**
 * TLS options of the commands that talk to a server.
 *
 * @module
 */

import { readIdentity, readTrusted, type TlsClientOptions, TlsError } from "../protocol/mod.ts";
import { Failure, type Invocation, type Option } from "./command.ts";

/** See the module. */
export const TLS_OPTIONS: readonly Option[] = [
  { name: "tls", help: "use TLS, trusting whom this machine trusts; implied by those below" },
  { name: "ca", value: "FILE", help: "certificates that the server's may be, or be signed with" },
  { name: "certificate", value: "FILE", help: "this client's certificate, perhaps with its key" },
  { name: "key", value: "FILE", help: "the certificate's key" },
  { name: "no-check-hostname", help: "the server's certificate may be for any host" },
];

/** What the options say; undefined when they want no TLS. @throws {Failure} at a file that can't be used. */
export function tlsOf(invocation: Invocation): TlsClientOptions | undefined {
  if (TLS_OPTIONS.every(({ name }) => invocation.count(name) === 0)) return undefined;
  const text = (name: string) => {
    const path = invocation.value(name);
    return path === undefined ? undefined : new TextDecoder().decode(Deno.readFileSync(path));
  };
  const ca = text("ca"), certificate = text("certificate"), key = text("key");
  if (key !== undefined && certificate === undefined) throw new Failure("--key is for a --certificate");
  checked(invocation, "ca", () => ca === undefined ? undefined : readTrusted(ca));
  checked(invocation, key === undefined ? "certificate" : "key", () => {
    return certificate === undefined ? undefined : readIdentity(certificate, key);
  });
  return { ca, certificate, key, checkHostname: invocation.count("no-check-hostname") === 0 };
}

function checked(invocation: Invocation, name: string, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof TlsError)) throw error;
    throw new Failure(`--${name} ${invocation.value(name)}: ${error.message}`);
  }
}
