import type { IncomingHttpHeaders } from 'node:http2'
import type { Coding } from '../inflate.ts'
import { Refusal } from '../refusal.ts'

const servicePath = (signal: string, name: string): string =>
  `/opentelemetry.proto.collector.${signal}.v1.${name}Service/Export`

export const tracesMethod = servicePath('trace', 'Trace')
/** Methods of OTLP that are not served yet, by path. */
export const unservedMethods: ReadonlyMap<string, string> = new Map([
  [servicePath('metrics', 'Metrics'), 'metrics'],
  [servicePath('logs', 'Logs'), 'logs'],
])

/** `application/grpc`, alone or with `+proto`, perhaps with parameters; not gRPC-Web, which begins the same. */
export function isGrpc(contentType: string | undefined): boolean {
  if (contentType === 'application/grpc') return true
  const type = (contentType?.split(';', 1)[0] ?? '').trim().toLowerCase()
  return type === 'application/grpc' || type === 'application/grpc+proto'
}

const codings: Record<string, Coding> = { identity: 'identity', gzip: 'gzip', deflate: 'deflate', zstd: 'zstd' }
export const acceptedCodings = Object.keys(codings).join(',')

/** What a message whose frame says "compressed" is coded with. */
export function codingOf(headers: IncomingHttpHeaders): Coding {
  const name = headers['grpc-encoding']
  if (name === undefined) return 'identity'
  const coding = typeof name === 'string' && Object.hasOwn(codings, name) ? codings[name] : undefined
  if (coding === undefined) {
    throw new Refusal('UNSUPPORTED', 'unsupported', `this grpc-encoding is not supported, only ${acceptedCodings} are`)
  }
  return coding
}

const timeoutForm = /^(\d{1,8})([HMSmun])$/
const unitMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }

/** `grpc-timeout` in milliseconds; Infinity when none was sent (gRPC over HTTP/2, "Timeout"). */
export function timeoutMs(headers: IncomingHttpHeaders): number {
  const text = headers['grpc-timeout']
  if (text === undefined) return Infinity
  const parts = typeof text === 'string' ? timeoutForm.exec(text) : null
  if (parts === null) throw new Refusal('BAD_INPUT', 'bad_input', 'grpc-timeout is malformed')
  return Number(parts[1]) * (unitMs[parts[2] ?? ''] ?? 0)
}
