import { AppError } from '../base/errors.ts'

export interface CheckedTraces {
  /** The request without its invalid spans: the very array that was checked when there are none. */
  readonly body: Uint8Array
  /** Spans in `body`. */
  readonly spans: number
  /** Invalid spans that were left out. */
  readonly rejected: number
  /** Which rules they broke and how many broke each; empty when there are none. */
  readonly message: string
}

/** Checks an ExportTraceServiceRequest. */
export function checkTraces(body: Uint8Array): CheckedTraces {
  throw new AppError('BUG', `BUG: no check yet of ${body.length} bytes`)
}
