import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { expect, test } from 'vitest'
import { anyValues, hostileBytes, links } from '../test/otlp-arbitraries.ts'
import { oracleType, traceRequestTypeWithStrings } from '../test/otlp-oracle.ts'
import {
  appendAnyValueJson,
  appendAttributesJson,
  appendJsonDouble,
  appendKeyValueJson,
  appendLinkJson,
} from './any-json.ts'
import { ByteWriter, written } from './byte-writer.ts'
import { eventTag } from './fields.ts'
import { maxDepth } from './limits.ts'

type Append = (out: ByteWriter, src: Uint8Array, start: number, end: number) => void

// As a part of a larger body and behind other text, so that no offset is 0 by chance.
function textOf(append: Append, bytes: Uint8Array): string {
  const src = Buffer.concat([Buffer.from([0xff, 0x22]), bytes, Buffer.from([0xff])])
  const out = new ByteWriter(1)
  out.bytes[out.length++] = 0x20
  append(out, src, 2, 2 + bytes.length)
  const text = written(out)
  expect(text[0]).toBe(0x20)
  return new TextDecoder('utf-8', { fatal: true }).decode(text.subarray(1))
}

const anyValueText = (bytes: Uint8Array): string => textOf((o, s, a, b) => appendAnyValueJson(o, s, a, b, 1), bytes)
const linkText = (bytes: Uint8Array): string => textOf(appendLinkJson, bytes)

// What protobufjs decodes, in OTLP/JSON: the oracle with strings as bytes, text judged by TextDecoder.
function expectedAny(value: protobuf.Message): unknown {
  const set = (value as unknown as { value?: string }).value
  if (set === undefined) return {}
  const found = (value as unknown as Record<string, unknown>)[set]
  switch (set) {
    case 'stringValue':
      return { stringValue: decoded(found) }
    case 'intValue':
      return { intValue: String(found) }
    case 'doubleValue':
      return { doubleValue: Number.isFinite(found) ? found : String(found) }
    case 'bytesValue':
      return { bytesValue: Buffer.from(found as Uint8Array).toString('base64') }
    case 'arrayValue':
      return { arrayValue: list(found, expectedAny) }
    case 'kvlistValue':
      return { kvlistValue: list(found, expectedKeyValue) }
    default:
      return { [set]: found }
  }
}

// An absent bytes field is an empty array here.
function decoded(bytes: unknown): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes as Iterable<number>))
}

function list(message: unknown, of: (value: protobuf.Message) => unknown): unknown {
  const { values } = message as { values: protobuf.Message[] }
  return values.length === 0 ? {} : { values: values.map(of) }
}

function expectedKeyValue(message: protobuf.Message): unknown {
  const { key, value } = message as unknown as { key: Uint8Array; value: protobuf.Message | null }
  return value ? { key: decoded(key), value: expectedAny(value) } : { key: decoded(key) }
}

function expectedLink(message: protobuf.Message): unknown {
  const link = message as unknown as {
    traceId: Uint8Array
    spanId: Uint8Array
    traceState: Uint8Array
    attributes: protobuf.Message[]
    droppedAttributesCount: number
    flags: number
  }
  return {
    ...(link.traceId.length > 0 && { traceId: Buffer.from(link.traceId).toString('hex') }),
    ...(link.spanId.length > 0 && { spanId: Buffer.from(link.spanId).toString('hex') }),
    ...(link.traceState.length > 0 && { traceState: decoded(link.traceState) }),
    ...(link.attributes.length > 0 && { attributes: link.attributes.map(expectedKeyValue) }),
    ...(link.droppedAttributesCount > 0 && { droppedAttributesCount: link.droppedAttributesCount }),
    ...(link.flags > 0 && { flags: link.flags }),
  }
}

const withStrings = (name: string): protobuf.Type => traceRequestTypeWithStrings.root.lookupType(name)

function encode(name: string, plain: object): Uint8Array {
  return withStrings(name).encode(withStrings(name).fromObject(plain)).finish()
}

test('any value, as it is encoded, is written as what protobufjs reads', () => {
  fc.assert(
    fc.property(anyValues, (value) => {
      const bytes = encode('AnyValue', value)
      expect(JSON.parse(anyValueText(bytes))).toEqual(expectedAny(oracleType('AnyValue').decode(bytes)))
    }),
    { numRuns: 2000 },
  )
})

test('any link is written as what protobufjs reads', () => {
  fc.assert(
    fc.property(links, (link) => {
      const bytes = encode('Link', link)
      expect(JSON.parse(linkText(bytes))).toEqual(expectedLink(oracleType('Link').decode(bytes)))
    }),
    { numRuns: 1000 },
  )
})

test('hostile bytes that protobufjs reads are written as it reads them: merged, in any order, not UTF-8', () => {
  fc.assert(
    fc.property(hostileBytes, (bytes) => {
      for (const [name, text, expected] of [
        ['AnyValue', anyValueText, expectedAny],
        ['Link', linkText, expectedLink],
      ] as const) {
        let message: protobuf.Message
        try {
          message = oracleType(name).decode(bytes)
        } catch {
          // What the check refuses never comes here; if it does, it is refused or written, but nothing else happens.
          try {
            JSON.parse(text(bytes))
          } catch (refusal) {
            expect(refusal).toMatchObject({ code: 'BAD_INPUT' })
          }
          continue
        }
        expect(JSON.parse(text(bytes)), Buffer.from(bytes).toString('hex')).toEqual(expected(message))
      }
    }),
    { numRuns: 6000 },
  )
})

test.each([
  [{}, '{}'],
  [{ stringValue: '' }, '{"stringValue":""}'],
  [
    { stringValue: 'a"\\\n\r\t\b\f\u0000\u001f\u007f\u2028é😀' },
    '{"stringValue":"a\\"\\\\\\n\\r\\t\\u0008\\u000c\\u0000\\u001f\u007f\u2028é😀"}',
  ],
  [{ boolValue: false }, '{"boolValue":false}'],
  [{ boolValue: true }, '{"boolValue":true}'],
  [{ intValue: '0' }, '{"intValue":"0"}'],
  [{ intValue: '-1' }, '{"intValue":"-1"}'],
  [{ intValue: '9007199254740993' }, '{"intValue":"9007199254740993"}'],
  [{ intValue: '-9007199254740993' }, '{"intValue":"-9007199254740993"}'],
  [{ intValue: '9223372036854775807' }, '{"intValue":"9223372036854775807"}'],
  [{ intValue: '-9223372036854775808' }, '{"intValue":"-9223372036854775808"}'],
  [{ intValue: '-4294967296' }, '{"intValue":"-4294967296"}'],
  [{ doubleValue: 0.1 }, '{"doubleValue":0.1}'],
  [{ doubleValue: -0 }, '{"doubleValue":-0}'],
  [{ doubleValue: 1e21 }, '{"doubleValue":1e+21}'],
  [{ doubleValue: NaN }, '{"doubleValue":"NaN"}'],
  [{ doubleValue: -Infinity }, '{"doubleValue":"-Infinity"}'],
  [{ bytesValue: Buffer.from([0, 255, 16]) }, '{"bytesValue":"AP8Q"}'],
  [{ arrayValue: {} }, '{"arrayValue":{}}'],
  [{ arrayValue: { values: [{}, { intValue: '1' }] } }, '{"arrayValue":{"values":[{},{"intValue":"1"}]}}'],
  [
    { kvlistValue: { values: [{ key: 'a', value: {} }, {}] } },
    '{"kvlistValue":{"values":[{"key":"a","value":{}},{"key":""}]}}',
  ],
])('%j is written as %s', (value, text) => {
  expect(anyValueText(encode('AnyValue', value))).toBe(text)
})

test('every finite double comes back the same from JSON.parse', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const out = new ByteWriter()
      appendJsonDouble(out, value)
      expect(JSON.parse(Buffer.from(written(out)).toString())).toBe(value)
    }),
  )
})

test("a message's attributes are written in order, among its other fields", () => {
  const event = encode('Event', {
    name: 'exception',
    timeUnixNano: '5',
    attributes: [
      { key: 'a', value: { stringValue: 'x' } },
      { key: 'b', value: { intValue: '1' } },
    ],
    droppedAttributesCount: 3,
  })
  const text = textOf((o, s, a, b) => appendAttributesJson(o, s, a, b, eventTag.attributes, 1), event)
  expect(text).toBe('[{"key":"a","value":{"stringValue":"x"}},{"key":"b","value":{"intValue":"1"}}]')
  expect(textOf((o, s, a, b) => appendAttributesJson(o, s, a, b, eventTag.attributes, 1), new Uint8Array())).toBe('[]')
})

test('a key and value is written by itself', () => {
  const bytes = encode('KeyValue', { key: 'a', value: { boolValue: true } })
  expect(textOf((o, s, a, b) => appendKeyValueJson(o, s, a, b, 1), bytes)).toBe(
    '{"key":"a","value":{"boolValue":true}}',
  )
})

function nested(number: number, inner: Uint8Array): Uint8Array {
  return protobuf.Writer.create()
    .uint32(number * 8 + 2)
    .bytes(inner)
    .finish()
}

test('values nest 64 levels deep and no deeper', () => {
  let value: Uint8Array = Uint8Array.from([0x10, 1])
  for (let level = 1; level < maxDepth; level++) value = nested(5, nested(1, value))
  expect(anyValueText(value)).toContain('{"boolValue":true}')
  expect(() => anyValueText(nested(5, nested(1, value)))).toThrow(/nested deeper than 64 levels/)
  expect(() => textOf((o, s, a, b) => appendAnyValueJson(o, s, a, b, 2), value)).toThrow(/nested deeper/)
})
