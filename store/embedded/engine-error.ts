/**
 * An exception of ClickHouse: its number and its words. Over HTTP it is a status, the header X-ClickHouse-Exception-Code
 * and the text `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: number
  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
  get status(): number {
    return statusOf.get(this.code) ?? 500
  }
}

/** The numbers that are raised or read here, as ClickHouse's ErrorCodes.cpp has them. */
export const codes = {
  BAD_ARGUMENTS: 36,
  NOT_IMPLEMENTED: 48,
  SYNTAX_ERROR: 62,
  FILE_DOESNT_EXIST: 107,
  UNKNOWN_SETTING: 115,
  TIMEOUT_EXCEEDED: 159,
  READONLY: 164,
  QUERY_IS_TOO_LARGE: 263,
  TOO_MANY_SIMULTANEOUS_QUERIES: 202,
  NETWORK_ERROR: 210,
  ABORTED: 236,
  MEMORY_LIMIT_EXCEEDED: 241,
  CANNOT_DECOMPRESS: 271,
  QUERY_WAS_CANCELLED: 394,
  UNKNOWN_QUERY_PARAMETER: 456,
  AUTHENTICATION_FAILED: 516,
  STD_EXCEPTION: 1001,
} as const

// ClickHouse's exceptionCodeToHTTPStatus, with three additions: READONLY and ACCESS_DENIED are 403 and too many queries
// 503 there too rarely matter, but a proxy or client that retries every 500 must not retry what is refused for good.
const byStatus: Readonly<Record<number, readonly number[]>> = {
  400: [6, 8, 15, 25, 26, 27, 36, 38, 41, 44, 53, 62, 72, 117, 167, 168, 271, 321, 376, 427, 441, 675, 676],
  401: [194],
  403: [164, 192, 193, 497, 516, 526],
  404: [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511],
  408: [159],
  411: [381],
  413: [263],
  501: [48],
  503: [76, 202, 209, 439],
}
const statusOf = new Map(
  Object.entries(byStatus).flatMap(([status, list]) => list.map((code) => [code, Number(status)] as const)),
)

/** Reads what chDB threw: `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`, or an error of the binding itself. */
export function engineErrorOf(thrown: unknown): EngineError {
  if (thrown instanceof EngineError) return thrown
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  const match = /^Code: (\d+)\. DB::Exception: ([^]*)$/.exec(text)
  if (match) return new EngineError(Number(match[1]), match[2]!.trim(), { cause: thrown })
  return new EngineError(codes.STD_EXCEPTION, text, { cause: thrown })
}

/** The text of a ClickHouse server, one line: clients read the number and the name in brackets from it. */
export function exceptionText(error: EngineError, version: string): string {
  const name = Object.entries(codes).find(([, code]) => code === error.code)?.[0]
  const words = /\([A-Z_0-9]+\)$/.test(error.message) || !name ? error.message : `${error.message}. (${name})`
  return `Code: ${error.code}. DB::Exception: ${words} (version ${version})\n`
}
