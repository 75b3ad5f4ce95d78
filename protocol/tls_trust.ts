/**
 * Whether a peer's certificate is to be trusted, once more.
 *
 * The runtime's TLS checks signatures and names. But a certificate that is itself among the trusted ones it takes
 * without a look at its dates and at what it is for, and it doesn't look at the dates of an authority. OpenSSL, and so
 * every Python peer, does; here it is made up for.
 *
 *   certificate   SEQUENCE { SEQUENCE { … [3] { SEQUENCE { extension… } } } … }
 *   extension     SEQUENCE { OBJECT IDENTIFIER, BOOLEAN?, OCTET STRING { value } }
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { TlsError } from "./tls_error.ts";

/** Which side shows the certificate. */
export type TlsSide = "client" | "server";

/** The most certificates between a peer's and a trusted one. */
const LONGEST_CHAIN = 8;

const SEQUENCE = 0x30;
const OCTET_STRING = 0x04;
const EXTENSIONS = 0xa3;

// Object identifiers, without tag and length.
const KEY_USAGE = "551d0f";
const EXTENDED_KEY_USAGE = "551d25";
const PURPOSES: Readonly<Record<TlsSide, string>> = {
  server: "2b06010505070301",
  client: "2b06010505070302",
};

/** The bits of a key usage with which a key may sign, encipher or agree on keys for a connection. */
const CONNECTION_USAGES: Readonly<Record<TlsSide, number>> = { client: 0x88, server: 0xa8 };

/** One element of DER: its tag, and where its contents lie. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Checks the certificate of a peer that the runtime has found good.
 *
 * @param trusted what it must be, or be signed with; undefined for the system's authorities
 * @throws {TlsError} when it isn't good
 */
export function checkPeer(socket: TLSSocket, side: TlsSide, trusted?: readonly X509Certificate[]): void {
  const chain = chainOf(socket);
  if (chain.length === 0) {
    throw new TlsError("it has no certificate", "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE");
  }
  const now = Date.now();
  requireValid(chain[0], now);
  requirePurpose(chain[0], side);
  if (trusted && !leadsTo(chain, trusted, now)) {
    throw new TlsError(
      "its certificate is not signed by one that is trusted",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    );
  }
}

/** The certificates that a peer has sent, its own first. */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw && chain.length < LONGEST_CHAIN) {
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

function requireValid(certificate: X509Certificate, now: number): void {
  if (now > certificate.validToDate.getTime()) {
    throw new TlsError(
      `its certificate has expired on ${certificate.validToDate.toISOString()}`,
      "CERT_HAS_EXPIRED",
    );
  }
  if (now < certificate.validFromDate.getTime()) {
    throw new TlsError(
      `its certificate is valid from ${certificate.validFromDate.toISOString()} only`,
      "CERT_NOT_YET_VALID",
    );
  }
}

function isValid(certificate: X509Certificate, now: number): boolean {
  return now <= certificate.validToDate.getTime() && now >= certificate.validFromDate.getTime();
}

/** Whether the first of a chain is trusted or signed by one that is, directly or by others of the chain. */
function leadsTo(
  chain: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
  now: number,
): boolean {
  const good = trusted.filter((one) => isValid(one, now));
  let current = chain[0];
  for (const next of [...chain.slice(1), undefined]) {
    if (good.some((one) => one.raw.equals(current.raw) || hasSigned(one, current))) return true;
    if (!next || !isValid(next, now) || !hasSigned(next, current)) return false;
    current = next;
  }
  return false;
}

function hasSigned(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function requirePurpose(certificate: X509Certificate, side: TlsSide): void {
  const problem = new TlsError(`its certificate is not for ${side}s`, "INVALID_PURPOSE");
  const der = new Uint8Array(certificate.raw);
  for (const { identifier, value } of extensionsOf(der)) {
    if (identifier === EXTENDED_KEY_USAGE) {
      const [purposes] = elements(der, value.start, value.end);
      const found = elements(der, purposes.start, purposes.end).map(({ start, end }) => hex(der, start, end));
      if (!found.includes(PURPOSES[side])) throw problem;
    } else if (identifier === KEY_USAGE) {
      const [bits] = elements(der, value.start, value.end);
      // The first byte says how many bits of the last are unused; those that matter here are in the second.
      if (bits.end - bits.start < 2 || (der[bits.start + 1] & CONNECTION_USAGES[side]) === 0) throw problem;
    }
  }
}

function extensionsOf(der: Uint8Array): { readonly identifier: string; readonly value: Element }[] {
  const [certificate] = elements(der, 0, der.length);
  const [body] = elements(der, certificate.start, certificate.end);
  const holder = elements(der, body.start, body.end).find(({ tag }) => tag === EXTENSIONS);
  if (!holder) return [];
  const [list] = elements(der, holder.start, holder.end);
  return elements(der, list.start, list.end).map((extension) => {
    const parts = elements(der, extension.start, extension.end);
    const value = parts.at(-1);
    if (extension.tag !== SEQUENCE || !value || value.tag !== OCTET_STRING) throw unreadable();
    return { identifier: hex(der, parts[0].start, parts[0].end), value };
  });
}

/** The elements that lie side by side in a range: at least one. */
function elements(der: Uint8Array, start: number, end: number): [Element, ...Element[]] {
  const found: Element[] = [];
  for (let at = start; at < end;) {
    const tag = der[at];
    let length = der[at + 1];
    let from = at + 2;
    if (length > 0x80) {
      const bytes = length & 0x7f;
      if (bytes > 3) throw unreadable();
      length = 0;
      for (let i = 0; i < bytes; i++) length = length << 8 | der[from++];
    }
    if (!(from + length <= end)) throw unreadable();
    found.push({ tag, start: from, end: from + length });
    at = from + length;
  }
  const [first, ...others] = found;
  if (!first) throw unreadable();
  return [first, ...others];
}

function unreadable(): TlsError {
  return new TlsError("its certificate can't be read");
}

function hex(der: Uint8Array, start: number, end: number): string {
  return der.subarray(start, end).toHex();
}
