/**
 * Handshakes of TLS, as a server with one set of certificates does them.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import {
  checkPeer,
  connectionError,
  readIdentity,
  readTrusted,
  TlsError,
  TlsTransport,
} from "../protocol/mod.ts";

/** How a server encrypts its connections, and whom it lets in. All texts are PEM. */
export interface TlsServerOptions {
  /** The server's certificate, and those that it was signed with. It may contain the key. */
  readonly certificate: string;
  /** The certificate's key, where it is not in `certificate`. */
  readonly key?: string;
  /** What the key is encrypted with. */
  readonly password?: string;
  /**
   * Certificates of clients, or of those who signed them: everybody else is refused before a message is exchanged.
   * An empty list refuses everybody; undefined asks for no certificates.
   */
  readonly authenticate?: string | readonly string[];
  /** How long a client may take to shake hands, in milliseconds; 10 s unless told otherwise. */
  readonly handshakeTimeout?: number;
}

const HANDSHAKE_TIMEOUT = 10_000;

/** What the runtime's codes mean, most of which are OpenSSL's. */
const REASONS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not among those that are trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by one that is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not signed by one that is trusted",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate is not signed by one that is trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is not signed by one that is trusted",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  INVALID_PURPOSE: "its certificate is not for clients",
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: "it has no certificate",
  ECONNRESET: "it left before the handshake was done",
};

/** A handshake that is under way. */
interface Handshake {
  readonly outcome: PromiseWithResolvers<TlsTransport>;
  timer: ReturnType<typeof setTimeout>;
}

/** See the module. */
export class TlsHandshakes {
  readonly #server: Server;
  /** What certificates are checked against; undefined where clients need none. */
  readonly #trusted?: readonly X509Certificate[];
  readonly #timeout: number;
  readonly #underWay = new Map<Socket, Handshake>();

  /**
   * Shakes hands with these certificates.
   *
   * @throws {TlsError} when a certificate or key can't be used
   */
  constructor(options: TlsServerOptions) {
    const { certificate, key } = readIdentity(options.certificate, options.key, options.password);
    const trusted = options.authenticate === undefined ? undefined : readTrusted(options.authenticate);
    this.#timeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT;
    this.#trusted = trusted?.map((pem) => new X509Certificate(pem));
    // It doesn't listen itself: connections are handed to it, so that its certificates can be replaced.
    this.#server = createServer({
      cert: certificate,
      key,
      minVersion: "TLSv1.2",
      requestCert: trusted !== undefined,
      rejectUnauthorized: trusted !== undefined,
      // With an empty list, the runtime would trust those who sign for the web.
      ca: trusted && (trusted.length === 0 ? [certificate] : [...trusted]),
    });
    this.#server.on("secureConnection", (socket) => this.#secured(socket));
    this.#server.on("tlsClientError", (error, socket) => this.#fail(socket, error));
  }

  /**
   * Shakes hands with whoever has connected.
   *
   * @throws {TlsError} when that doesn't work, and errors of the connection
   */
  shake(raw: Socket): Promise<TlsTransport> {
    const outcome = Promise.withResolvers<TlsTransport>();
    const timer = setTimeout(() => {
      this.#settle(raw)?.outcome.reject(new TlsError(`not done within ${this.#timeout / 1000} s`));
      raw.destroy();
    }, this.#timeout);
    this.#underWay.set(raw, { outcome, timer });
    raw.once("close", () => {
      const handshake = this.#underWay.get(raw);
      if (!handshake) return;
      clearTimeout(handshake.timer);
      // What the reason was is told in the same turn; where it isn't, this is all there is to tell.
      handshake.timer = setTimeout(() => {
        this.#settle(raw)?.outcome.reject(new Deno.errors.ConnectionReset(REASONS.ECONNRESET));
      });
    });
    this.#server.emit("connection", raw);
    return outcome.promise;
  }

  #secured(socket: TLSSocket): void {
    const raw = rawSocket(socket);
    const handshake = raw && this.#settle(raw);
    try {
      this.#requireTrust(socket);
    } catch (error) {
      socket.on("error", () => {});
      socket.destroy();
      handshake?.outcome.reject(error);
      return;
    }
    if (raw && handshake) handshake.outcome.resolve(new TlsTransport(socket, raw));
    else socket.destroy();
  }

  #requireTrust(socket: TLSSocket): void {
    if (!this.#trusted) return;
    // `rejectUnauthorized` has seen to it already; a server that lets in whoever comes is too bad not to look again.
    if (!socket.authorized) throw new TlsError(String(socket.authorizationError));
    checkPeer(socket, "client", this.#trusted);
  }

  #fail(socket: TLSSocket, error: Error): void {
    const raw = rawSocket(socket);
    const handshake = raw && this.#settle(raw);
    const code = socket.authorizationError
      ? String(socket.authorizationError)
      : (error as { code?: string }).code;
    const reason = REASONS[code ?? ""];
    handshake?.outcome.reject(
      reason ? new TlsError(`${reason} (${code})`, code, { cause: error }) : connectionError(error),
    );
    socket.destroy();
    raw?.destroy();
  }

  #settle(raw: Socket): Handshake | undefined {
    const handshake = this.#underWay.get(raw);
    if (handshake) clearTimeout(handshake.timer);
    this.#underWay.delete(raw);
    return handshake;
  }
}

/** What a TLS connection runs on. The runtime doesn't document it: whoever finds nothing refuses the connection. */
function rawSocket(socket: TLSSocket): Socket | undefined {
  return (socket as TLSSocket & { readonly _parent?: Socket })._parent;
}
