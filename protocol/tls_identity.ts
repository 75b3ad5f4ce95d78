/**
 * Certificates and keys as TLS is given them: checked, so that a mistake shows before anything is opened and in words.
 *
 * @module
 */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { TlsError } from "./tls_error.ts";

/** Who one side says it is: a certificate and the key that goes with it. PEM texts. */
export interface TlsIdentity {
  /** The certificate, followed by those that it was signed with. */
  readonly certificate: string;
  /** The key, not encrypted. */
  readonly key: string;
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END [^-]*-----/g;
const REVOCATIONS = /-----BEGIN X509 CRL-----/;
const KEY = /-----BEGIN (?:[A-Z0-9]+ )?(?:ENCRYPTED )?PRIVATE KEY-----[\s\S]*?-----END [^-]*-----/;
const ENCRYPTED = /ENCRYPTED PRIVATE KEY-----|Proc-Type: *4, *ENCRYPTED/;

const CURVES: readonly string[] = ["prime256v1", "secp384r1", "secp521r1"];

/** The certificates in a PEM text, one PEM text each. @throws {TlsError} for one that can't be read. */
function certificatesIn(pem: string): { readonly pem: string; readonly x509: X509Certificate }[] {
  return (pem.match(CERTIFICATE) ?? []).map((text, index) => {
    try {
      return { pem: text, x509: new X509Certificate(text) };
    } catch (error) {
      throw new TlsError(`certificate ${index + 1} can't be read: ${reasonOf(error)}`, "CERTIFICATE", {
        cause: error,
      });
    }
  });
}

/**
 * The certificates that a side trusts, one PEM text each.
 *
 * @throws {TlsError} when there is none in one of the texts, or something in it that can't be honoured
 */
export function readTrusted(pem: string | readonly string[]): readonly string[] {
  return [pem].flat().flatMap((text) => {
    const found = certificatesIn(text);
    if (REVOCATIONS.test(text)) throw new TlsError("lists of revoked certificates are not supported");
    if (found.length === 0) throw new TlsError("there is no certificate in it, expected PEM");
    return found.map(({ pem }) => pem);
  });
}

/**
 * Checks a certificate and its key, and decrypts the key.
 *
 * @param certificate PEM text with the certificate, and with its key if that is not given
 * @param password what the key is encrypted with
 * @throws {TlsError} when one of them can't be read, the password is wrong, or the key belongs to another certificate
 */
export function readIdentity(certificate: string, key?: string, password?: string): TlsIdentity {
  const certificates = certificatesIn(certificate);
  if (certificates.length === 0) {
    throw new TlsError("there is no certificate in it, expected PEM", "CERTIFICATE");
  }
  const [text] = (key ?? certificate).match(KEY) ?? [];
  if (text === undefined) {
    throw new TlsError(
      `there is no key in it, expected PEM${key === undefined ? " with the key beside the certificate" : ""}`,
      "KEY",
    );
  }
  const object = readKey(text, password);
  if (!certificates[0].x509.checkPrivateKey(object)) {
    throw new TlsError("the key belongs to another certificate", "KEY");
  }
  return {
    certificate: certificates.map(({ pem }) => pem).join("\n"),
    key: object.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

function readKey(pem: string, password: string | undefined): KeyObject {
  const encrypted = ENCRYPTED.test(pem);
  if (encrypted && password === undefined) {
    throw new TlsError("the key is encrypted, and there is no password", "PASSWORD");
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: "pem", passphrase: encrypted ? password : undefined });
  } catch (error) {
    throw encrypted
      ? new TlsError(`the key can't be decrypted with this password: ${reasonOf(error)}`, "PASSWORD", {
        cause: error,
      })
      : new TlsError(`the key can't be read: ${reasonOf(error)}`, "KEY", { cause: error });
  }
  requireUsable(key);
  return key;
}

/** What the runtime's TLS can sign with. */
function requireUsable(key: KeyObject): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const usable = type === "ed25519" || type === "rsa" && (details?.modulusLength ?? 0) >= 2048 ||
    type === "ec" && CURVES.includes(details?.namedCurve ?? "");
  if (usable) return;
  const what = type === "ec"
    ? details?.namedCurve
    : type === "rsa"
    ? `${details?.modulusLength} bits`
    : undefined;
  throw new TlsError(
    `a key of type ${type}${what ? ` (${what})` : ""} can't be used, expected RSA of 2048 bits or more, ` +
      "EC on P-256, P-384 or P-521, or Ed25519",
    "KEY",
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
