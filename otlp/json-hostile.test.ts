import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { plainFromJson, plainFromProtobuf } from '../test/otlp-json-oracle.ts'
import { checkTraces } from './check.ts'
import { tracesFromJson } from './json.ts'
import { maxBodyBytes, maxDepth, maxIgnoredDepth } from './limits.ts'

// Bodies as bytes: what is no UTF-8 cannot be written as a string.
function bodyOf(before: string, bytes: Uint8Array, after: string): Uint8Array {
  return Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)])
}

function inEveryString(bytes: Uint8Array): Uint8Array {
  const text = bytes
  const piece = (before: string): Uint8Array => bodyOf(`${before}"`, text, '"')
  return Buffer.concat([
    piece('{"resourceSpans":[{"schemaUrl":'),
    piece(',"resource":{"attributes":[{"key":'),
    piece(',"value":{"stringValue":'),
    piece('}}]},"scopeSpans":[{"scope":{"name":'),
    piece(',"version":'),
    piece('},"spans":[{"name":'),
    piece(',"traceState":'),
    piece(',"status":{"message":'),
    piece('},"attributes":[{"key":'),
    piece(',"value":{"kvlistValue":{"values":[{"key":'),
    Buffer.from('}]}}}],"events":[{"name":'),
    piece(''),
    Buffer.from('}]}]}]}]}'),
  ])
}

test('bytes that are not UTF-8 become U+FFFD as TextDecoder places it, in every string field', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 6, min: 0x80 }),
          fc
            .constantFrom('é', '€', '😀', 'a', '\\u0000', '\\ud83d', '\\ude00', '\\ud83d\\ude00')
            .map((t) => Buffer.from(t)),
          fc
            .constantFrom([0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0xf0, 0x9f, 0x98])
            .map((b) => Uint8Array.from(b)),
        ),
        { maxLength: 8 },
      ),
      (pieces) => {
        const body = inEveryString(Buffer.concat(pieces))
        expect(plainFromProtobuf(tracesFromJson(body))).toEqual(plainFromJson(new TextDecoder().decode(body)))
      },
    ),
    { numRuns: 1000 },
  )
})

test('names that are not UTF-8 are unknown ones, ignored', () => {
  const body = bodyOf('{"', Uint8Array.from([0xff, 0xfe]), '":1,"resourceSpans":[{"schemaUrl":"a"}]}')
  expect(plainFromProtobuf(tracesFromJson(body))).toEqual({ resourceSpans: [{ schemaUrl: 'a' }] })
})

test.each([
  '\\u0000',
  '\\u2028',
  '\u2028',
  '\u202e',
  '\\ud83d',
  '\\ude00\\ud83d',
  '\\ud83d\\u0041',
  '\\ud83d\\ude00',
  '\\/\\b\\f',
])('the text %j is read in every string field as JSON.parse reads it', (text) => {
  const body = inEveryString(Buffer.from(text))
  expect(plainFromProtobuf(tracesFromJson(body))).toEqual(plainFromJson(Buffer.from(body).toString()))
})

test('a byte order mark at the start is skipped, and refused anywhere else', () => {
  const mark = Uint8Array.from([0xef, 0xbb, 0xbf])
  expect(tracesFromJson(bodyOf('', mark, ' {}'))).toHaveLength(0)
  expect(() => tracesFromJson(bodyOf(' ', mark, '{}'))).toThrow(/at byte 1$/)
  expect(() => tracesFromJson(bodyOf('{}', mark, ''))).toThrow(/at byte 2$/)
  expect(() => tracesFromJson(mark)).toThrow(/at byte 3$/)
})

test('__proto__, constructor and their like are keys like any other, and touch no prototype', () => {
  const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']
  const attributes = keys.map((key) => `{"key":"${key}","value":{"kvlistValue":{"values":[{"key":"${key}"}]}}}`).join()
  const strangers = keys.map((key) => `"${key}":{"admin":true}`).join()
  const body = Buffer.from(`{${strangers},"resourceSpans":[{${strangers},"resource":{"attributes":[${attributes}]}}]}`)
  expect(plainFromProtobuf(tracesFromJson(body))).toEqual({
    resourceSpans: [
      {
        resource: { attributes: keys.map((key) => ({ key, value: { kvlistValue: { values: [{ key }] } } })) },
      },
    ],
  })
  expect(Object.keys(Object.prototype)).toEqual([])
  expect({}).not.toHaveProperty('admin')
})

function deepValue(depth: number, kvlist: boolean): string {
  const open = kvlist ? '{"kvlistValue":{"values":[{"key":"k","value":' : '{"arrayValue":{"values":['
  const close = kvlist ? '}]}}' : ']}}'
  return `${open.repeat(depth - 1)}{"stringValue":"bottom"}${close.repeat(depth - 1)}`
}

function attributeBody(value: string): Uint8Array {
  return Buffer.from(`{"resourceSpans":[{"resource":{"attributes":[{"key":"deep","value":${value}}]}}]}`)
}

test.each([false, true])('values may nest 64 levels deep and no deeper (as kvlists: %j)', (kvlist) => {
  for (const depth of [1, 10, 32, maxDepth]) {
    const found = tracesFromJson(attributeBody(deepValue(depth, kvlist)))
    expect(checkTraces(found).rejected).toBe(0)
    expect(Buffer.from(found).toString()).toContain('bottom')
  }
  for (const depth of [maxDepth + 1, 100, 1000, 10_000, 100_000]) {
    expect(() => tracesFromJson(attributeBody(deepValue(depth, kvlist)))).toThrow(
      /nested deeper than 64 levels at byte/,
    )
  }
})

function ignored(depth: number): Uint8Array {
  return Buffer.from(`{"x":${'[{"y":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}}`)
}

test('ignored values may nest 64 levels deep and no deeper', () => {
  expect(tracesFromJson(ignored(maxIgnoredDepth))).toHaveLength(0)
  expect(() => tracesFromJson(ignored(maxIgnoredDepth + 2))).toThrow(/ignored value nested deeper than 64 levels/)
  expect(() => tracesFromJson(Buffer.from(`{"x":${'['.repeat(1_000_000)}`))).toThrow(/ignored value nested deeper/)
  expect(() => tracesFromJson(Buffer.from('['.repeat(1_000_000)))).toThrow(/at byte 0$/)
})

test('a request refused half-way leaves nothing behind for the next one', () => {
  const good = '{"resourceSpans":[{"schemaUrl":"a","schemaUrl":"b"}]}'
  for (const bad of [
    '{"resourceSpans":[{"schemaUrl":"x","schemaUrl":"y","schemaUrl":5',
    '{"resourceSpans":[{},{}],"resourceSpans":[',
  ]) {
    expect(() => tracesFromJson(Buffer.from(bad))).toThrow()
    expect(plainFromProtobuf(tracesFromJson(Buffer.from(good)))).toEqual({ resourceSpans: [{ schemaUrl: 'b' }] })
  }
})

test('a body beyond the limit is refused as too large before it is read', () => {
  expect(() => tracesFromJson(new Uint8Array(maxBodyBytes + 1))).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }))
})

// Microseconds of CPU, the best of five.
function cpu(body: Uint8Array): number {
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage()
    tracesFromJson(body)
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, user + system)
  }
  return best
}

// Time that grows faster than the body shows in the ratio of two sizes; each shape is one that tempts a reader to it.
test.each([
  ['equal names', (n: number) => `{"resourceSpans":[{${'"schemaUrl":"a",'.repeat(n)}"resource":{}}]}`],
  [
    'two names in turn',
    (n: number) => `{"resourceSpans":[{${'"schemaUrl":"a","scopeSpans":[{}],'.repeat(n)}"resource":{}}]}`,
  ],
  ['equal names within each other', (n: number) => attribute64(`${'{"stringValue":"a"},'.repeat(n)}{}`)],
  ['a string of escapes', (n: number) => `{"resourceSpans":[{"schemaUrl":"${'\\u00e9'.repeat(n)}"}]}`],
  ['digits', (n: number) => `{"x":${'1'.repeat(n)}.${'0'.repeat(n)}}`],
  ['an integer of many zeros', (n: number) => attributeText(`{"intValue":1.${'0'.repeat(n)}}`)],
  ['empty spans', (n: number) => `{"resourceSpans":[{"scopeSpans":[{"spans":[${'{},'.repeat(n)}{}]}]}]}`],
  ['ignored brackets', (n: number) => `{"x":[${'[],'.repeat(n)}[]]}`],
])('%s: eight times the size takes no more than some thirty times as long', (_, bodyFor) => {
  const small = Buffer.from(bodyFor(4000))
  const large = Buffer.from(bodyFor(32_000))
  cpu(small)
  expect(cpu(large)).toBeLessThan(30 * Math.max(cpu(small), 500))
})

function attributeText(value: string): string {
  return Buffer.from(attributeBody(value)).toString()
}

function attribute64(values: string): string {
  const open = '{"arrayValue":{"values":[],"values":['.repeat(60)
  return attributeText(`${open}${values}${']}}'.repeat(60)}`)
}
