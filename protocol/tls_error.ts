/**
 * What goes wrong with TLS connections, in the words of the other connections.
 *
 * @module
 */

/** TLS could not be agreed on, or was broken: a certificate that isn't trusted, a peer that speaks something else. */
export class TlsError extends Error {
  /** Tells it from other errors. */
  override name = "TlsError";
  /** A short name for the reason, such as `CERT_HAS_EXPIRED`; empty where there is none. */
  readonly code: string;

  /** An error with its reason, for people and for programs. */
  constructor(message: string, code: string = "", options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const SYSTEM_ERRORS: Readonly<Record<string, new (message: string) => Error>> = {
  ECONNRESET: Deno.errors.ConnectionReset,
  ECONNABORTED: Deno.errors.ConnectionAborted,
  ECONNREFUSED: Deno.errors.ConnectionRefused,
  EPIPE: Deno.errors.BrokenPipe,
  ETIMEDOUT: Deno.errors.TimedOut,
  EADDRINUSE: Deno.errors.AddrInUse,
  EADDRNOTAVAIL: Deno.errors.AddrNotAvailable,
  ENOTFOUND: Deno.errors.NotFound,
  ENETUNREACH: Deno.errors.NetworkUnreachable,
  EACCES: Deno.errors.PermissionDenied,
  EINTR: Deno.errors.Interrupted,
  // Something is written or ended after the connection was closed, from either side.
  ERR_STREAM_DESTROYED: Deno.errors.BadResource,
  ERR_STREAM_WRITE_AFTER_END: Deno.errors.BadResource,
  ERR_STREAM_PREMATURE_CLOSE: Deno.errors.ConnectionReset,
  ERR_SOCKET_CLOSED: Deno.errors.BadResource,
  EBADF: Deno.errors.BadResource,
};

/** The code of an error of Node's, such as `ECONNRESET`; empty where it has none. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

/** An error of Node's sockets as the one that `Deno.Conn` throws for the same reason, or as a {@link TlsError}. */
export function connectionError(error: Error): Error {
  if (error instanceof TlsError || Object.values(Deno.errors).some((kind) => error instanceof kind)) {
    return error;
  }
  const code = errorCode(error);
  const Kind = SYSTEM_ERRORS[code];
  return Kind ? new Kind(error.message) : new TlsError(error.message, code, { cause: error });
}
