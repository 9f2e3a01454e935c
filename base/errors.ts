/**
 * One table of errors: code, HTTP status, gRPC status, and whether the same request may succeed later. Behaviour follows
 * the code, never the message. BUG is a broken invariant of our own: a test that sees it fails.
 */
export const errorCodes = {
  OVERLOADED: { http: 429, grpc: 8, retry: true },
  UNAVAILABLE: { http: 503, grpc: 14, retry: true },
  BAD_INPUT: { http: 400, grpc: 3, retry: false },
  TOO_LARGE: { http: 413, grpc: 8, retry: false },
  UNSUPPORTED: { http: 415, grpc: 12, retry: false },
  UNAUTHORIZED: { http: 401, grpc: 16, retry: false },
  FORBIDDEN: { http: 403, grpc: 7, retry: false },
  NOT_FOUND: { http: 404, grpc: 5, retry: false },
  TIMEOUT: { http: 504, grpc: 4, retry: true },
  BUG: { http: 500, grpc: 13, retry: false },
} as const

export type ErrorCode = keyof typeof errorCodes

/** The one error that crosses rooms. `cause` holds what was caught; the message is written for the person who reads it. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
  get retry(): boolean {
    return errorCodes[this.code].retry
  }
}

/** The error's own words, of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
