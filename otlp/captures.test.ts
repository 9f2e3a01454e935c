import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { plainFromJson, plainFromProtobuf } from '../test/otlp-json-oracle.ts'
import { checkTraces } from './check.ts'
import { tracesFromJson } from './json.ts'

const folder = join(import.meta.dirname, '../test/captures')

interface Meta {
  readonly signal: string
  readonly proto: string
  readonly encoding: string | null
  readonly items: number
}

function inflated(body: Uint8Array): Uint8Array {
  if (body[0] === 0x1f && body[1] === 0x8b) return gunzipSync(body)
  if (body[0] === 0x28 && body[1] === 0xb5) return zstdDecompressSync(body)
  return body
}

const captures = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => /-traces-.*\.bin$/.test(name))
  .map((name) => ({
    name,
    meta: JSON.parse(readFileSync(join(folder, name.replace(/(\.gz|\.zstd)?\.bin$/, '.meta.json')), 'utf8')) as Meta,
    body: inflated(readFileSync(join(folder, name))),
  }))

const isJson = (capture: { meta: Meta }): boolean => capture.meta.proto.includes('json')

test('there are captures in both encodings', () => {
  expect(captures.filter(isJson).length).toBeGreaterThan(10)
  expect(captures.filter((capture) => !isJson(capture)).length).toBeGreaterThan(50)
})

describe('a captured protobuf request is accepted as it is, with all of its spans', () => {
  test.each(captures.filter((capture) => !isJson(capture)))('$name', ({ body, meta }) => {
    expect(checkTraces(body)).toEqual({ body, spans: meta.items, rejected: 0, message: '' })
    expect(checkTraces(body).body).toBe(body)
  })
})

describe('a captured JSON request becomes the protobuf that JSON.parse and protobufjs make of it', () => {
  test.each(captures.filter(isJson))('$name', ({ body, meta }) => {
    const found = tracesFromJson(body)
    expect(plainFromProtobuf(found)).toEqual(plainFromJson(Buffer.from(body).toString()))
    expect(checkTraces(found)).toMatchObject({ spans: meta.items, rejected: 0 })
  })
})

test('a captured JSON request with the base64 ids of protobuf JSON is refused', () => {
  const { body } = captures.find((capture) => isJson(capture) && capture.meta.items > 1)!
  for (const name of ['traceId', 'spanId']) {
    const text = Buffer.from(body)
      .toString()
      .replace(
        new RegExp(`"${name}":"([0-9a-f]+)"`),
        (_, id: string) => `"${name}":"${Buffer.from(id, 'hex').toString('base64')}"`,
      )
    expect(() => tracesFromJson(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }))
  }
})
