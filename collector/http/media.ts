import type { IncomingHttpHeaders } from 'node:http'
import type { Encoding } from '../../otlp/answers.ts'
import type { Coding } from '../inflate.ts'
import { Refusal } from '../refusal.ts'

export const mediaTypes: Record<Encoding, string> = { protobuf: 'application/x-protobuf', json: 'application/json' }

/** What the Content-Type says, parameters aside; undefined for anything else. */
export function encodingOf(contentType: string | undefined): Encoding | undefined {
  if (contentType === undefined) return undefined
  if (contentType === mediaTypes.protobuf) return 'protobuf'
  if (contentType === mediaTypes.json) return 'json'
  const type = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
  if (type === mediaTypes.protobuf) return 'protobuf'
  return type === mediaTypes.json ? 'json' : undefined
}

/** The encoding of an answer: the request's, and JSON for what asked in neither (a person with a browser or curl). */
export function answerEncodingOf(headers: IncomingHttpHeaders): Encoding {
  return encodingOf(headers['content-type']) ?? 'json'
}

const codings: Record<string, Coding> = {
  '': 'identity',
  identity: 'identity',
  none: 'identity',
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  zstd: 'zstd',
}

/** The one coding of the body. Several in a row (`gzip, gzip`) are refused: no exporter sends them, only bombs do. */
export function codingOf(contentEncoding: string | undefined): Coding {
  if (contentEncoding === undefined) return 'identity'
  const name = contentEncoding.trim().toLowerCase()
  const coding = Object.hasOwn(codings, name) ? codings[name] : undefined
  if (coding === undefined) {
    throw new Refusal(
      'UNSUPPORTED',
      'unsupported',
      'this Content-Encoding is not supported; send gzip, deflate, zstd or none',
    )
  }
  return coding
}

/** Content-Length in bytes; undefined when the body is chunked. Node has checked its form. */
export function declaredLength(headers: IncomingHttpHeaders): number | undefined {
  const length = headers['content-length']
  return length === undefined ? undefined : Number(length)
}
