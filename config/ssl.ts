/**
 * What `<ssl>` of a server or a client names: files are read, the key's password is asked for, and all is checked.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { isAbsolute, join, resolve, toFileUrl } from "@std/path";
import { readIdentity, readTrusted, type TlsClientOptions, TlsError } from "../protocol/mod.ts";
import type { TlsServerOptions } from "../server/mod.ts";
import type { ClientSslSection } from "./client_sections.ts";
import { ConfigurationError } from "./errors.ts";
import { configurationHost } from "./host.ts";
import type { ServerSslSection } from "./zeo_section.ts";

const log = getLogger(["zeo", "runzeo"]);

/** `authenticate` with this word instead of a path: no certificate is trusted. */
const NOBODY = "DYNAMIC";

/** A word that the original describes, and then takes for a path. */
const SIGNED = "SIGNED";

/** A file of a module and what it exports. A dotted Python name has no `#`. */
const MODULE_FUNCTION = /^(.+)#([A-Za-z_$][\w$]*)$/;

/** Names that OpenSSL looks for in a folder: a hash of the subject, and a number. `openssl rehash` makes them. */
const HASHED_NAME = /^[0-9a-f]{8}\.\d+$/;

/**
 * Reads the certificates and keys that a server's `<ssl>` section names, now: a server calls this again to get those
 * that have been renewed. Paths are relative to the working directory.
 *
 * @throws {ConfigurationError} when one is not there, or can't be used
 */
export async function loadServerTls(ssl: ServerSslSection): Promise<TlsServerOptions> {
  return { ...await identityOf(ssl), authenticate: trusted(ssl) };
}

/**
 * Reads the certificates and keys that a client's `<ssl>` section names. Paths are relative to the working directory.
 *
 * @throws {ConfigurationError} when one is not there, or can't be used
 */
export async function loadClientTls(ssl: ClientSslSection): Promise<TlsClientOptions> {
  const { authenticate, checkHostname, serverHostname } = ssl;
  return {
    ...await identityOf(ssl),
    ca: authenticate === undefined ? undefined : trusted({ ...ssl, authenticate }),
    ...{ checkHostname, serverHostname },
  };
}

/** What a section says of the one who has it. */
type IdentityKeys = Omit<ServerSslSection, "authenticate">;

interface Identity {
  readonly certificate: string;
  readonly key?: string;
  readonly password?: string;
}

async function identityOf(ssl: IdentityKeys): Promise<Identity> {
  const certificate = read(ssl, "certificate", ssl.certificate);
  const key = ssl.key === undefined ? undefined : read(ssl, "key", ssl.key);
  const password = await passwordOf(ssl);
  try {
    readIdentity(certificate, key, password);
  } catch (error) {
    if (!(error instanceof TlsError)) throw error;
    if (error.code === "CERTIFICATE") throw refusal(ssl, "certificate", ssl.certificate, error.message);
    if (error.code === "PASSWORD" && password !== undefined) {
      throw refusal(ssl, ...passwordKey(ssl)!, error.message);
    }
    const [name, path] = ssl.key === undefined ? ["certificate", ssl.certificate] : ["key", ssl.key];
    const hint = error.code === "PASSWORD"
      ? "; expected password-file, password-variable or password-function"
      : "";
    throw refusal(ssl, name, path, error.message + hint);
  }
  return { certificate, key, password };
}

function refusal(ssl: IdentityKeys, key: string, value: string, problem: string): ConfigurationError {
  return new ConfigurationError(ssl.position, problem, { section: "ssl", key, value });
}

function read(ssl: IdentityKeys, key: string, path: string): string {
  try {
    // What is not PEM is told by those who look for some.
    return new TextDecoder().decode(Deno.readFileSync(path));
  } catch (error) {
    throw refusal(ssl, key, path, `can't read it: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The key that says where the password comes from, and its value. */
function passwordKey(ssl: IdentityKeys): readonly [key: string, value: string] | undefined {
  const { passwordFunction, passwordFile, passwordVariable } = ssl;
  if (passwordFunction !== undefined) return ["password-function", passwordFunction];
  if (passwordFile !== undefined) return ["password-file", passwordFile];
  if (passwordVariable !== undefined) return ["password-variable", passwordVariable];
  return undefined;
}

async function passwordOf(ssl: IdentityKeys): Promise<string | undefined> {
  const { passwordFunction, passwordFile, passwordVariable } = ssl;
  if (passwordFunction !== undefined) return await callPasswordFunction(ssl, passwordFunction);
  // Editors end files with a line break, which is no part of a password.
  if (passwordFile !== undefined) return read(ssl, "password-file", passwordFile).replace(/\r?\n$/, "");
  if (passwordVariable === undefined) return undefined;
  const password = configurationHost().environment(passwordVariable);
  if (password !== undefined) return password;
  throw refusal(
    ssl,
    "password-variable",
    passwordVariable,
    `there is no such environment variable, or it may not be read (--allow-env=${passwordVariable})`,
  );
}

async function callPasswordFunction(ssl: IdentityKeys, value: string): Promise<string> {
  const refuse = (problem: string) => refusal(ssl, "password-function", value, problem);
  const [, path, name] = value.match(MODULE_FUNCTION) ?? [];
  if (path === undefined) {
    throw refuse(
      "Python functions can't be called; expected a TypeScript module and what it exports, for example " +
        "./secrets.ts#password, or password-file or password-variable instead",
    );
  }
  let password: unknown;
  try {
    const module = await import(toFileUrl(isAbsolute(path) ? path : resolve(path)).href);
    const exported: unknown = module[name];
    if (typeof exported !== "function") throw new TypeError(`it exports no function ${name}`);
    password = await exported();
  } catch (error) {
    throw refuse(`can't call it: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof password === "string") return password;
  throw refuse(`it has returned ${password === null ? "null" : typeof password}, expected a string`);
}

/** The certificates that the other side is checked against; none for nobody. */
function trusted(ssl: IdentityKeys & { readonly authenticate: string }): readonly string[] {
  const { authenticate: path } = ssl;
  if (path === NOBODY) return [];
  const refuse = (problem: string) => refusal(ssl, "authenticate", path, problem);
  let kind: string | undefined;
  try {
    kind = configurationHost().kind(path);
  } catch (error) {
    throw refuse(`can't look at it: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (kind === undefined) {
    throw refuse(
      path === SIGNED
        ? "clients with any signed certificate are not supported; expected a file or folder of certificates"
        : "there is no such file or folder of certificates",
    );
  }
  if (kind === "directory") return trustedInFolder(ssl, path);
  try {
    return readTrusted(read(ssl, "authenticate", path));
  } catch (error) {
    throw error instanceof TlsError ? refuse(error.message) : error;
  }
}

function trustedInFolder(ssl: IdentityKeys, folder: string): readonly string[] {
  const names = [];
  try {
    for (const { name } of Deno.readDirSync(folder)) if (HASHED_NAME.test(name)) names.push(name);
  } catch (error) {
    throw refusal(
      ssl,
      "authenticate",
      folder,
      `can't read it: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (names.length === 0) {
    log
      .warn`<ssl> authenticate ${folder}: there is no certificate with a hashed name, nobody is trusted; ${"`openssl rehash`"} makes such names`;
  }
  return names.sort().flatMap((name) => {
    const path = join(folder, name);
    try {
      return readTrusted(read(ssl, "authenticate", path));
    } catch (error) {
      throw error instanceof TlsError ? refusal(ssl, "authenticate", path, error.message) : error;
    }
  });
}
