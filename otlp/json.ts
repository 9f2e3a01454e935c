import { AppError } from '../base/errors.ts'

/** An OTLP/JSON ExportTraceServiceRequest as protobuf. */
export function tracesFromJson(body: Uint8Array): Uint8Array {
  throw new AppError('BUG', `BUG: no reader yet for ${body.length} bytes`)
}
