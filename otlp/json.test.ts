import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { traceRequests } from '../test/otlp-arbitraries.ts'
import { plainFromJson, plainFromProtobuf } from '../test/otlp-json-oracle.ts'
import { traceRequestTypeWithStrings } from '../test/otlp-oracle.ts'
import { tracesFromJson } from './json.ts'

type Plain = Readonly<Record<string, unknown>>

function read(text: string | Uint8Array): Plain {
  return plainFromProtobuf(tracesFromJson(typeof text === 'string' ? Buffer.from(text) : text))
}

const refused = expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(/ at byte \d+$/) })

// How one client writes: which of the spellings that OTLP/JSON leaves open, and what stands between.
interface Style {
  readonly numbers: boolean
  readonly upperCase: boolean
  readonly urlSafe: boolean
  readonly escapes: boolean
  readonly space: string
  readonly strangers: boolean
}

const styles: fc.Arbitrary<Style> = fc.record({
  numbers: fc.boolean(),
  upperCase: fc.boolean(),
  urlSafe: fc.boolean(),
  escapes: fc.boolean(),
  space: fc.constantFrom('', ' ', '\n\t', '\r\n  '),
  strangers: fc.boolean(),
})

const integers64 = new Set(['intValue', 'timeUnixNano', 'startTimeUnixNano', 'endTimeUnixNano'])
const strangers = '"snake_case":{"a":[1,-2.5e3,"x\\n",null,true,{}]},"__proto__":{"admin":true},"constructor":null'

function jsonOf(value: unknown, style: Style, name = ''): string {
  const { space } = style
  if (value instanceof Uint8Array) {
    if (name !== 'bytesValue') return `"${style.upperCase ? hex(value).toUpperCase() : hex(value)}"`
    return `"${Buffer.from(value).toString(style.urlSafe ? 'base64url' : 'base64')}"`
  }
  if (typeof value === 'string' && integers64.has(name)) return style.numbers ? value : `"${value}"`
  if (typeof value === 'string') return style.escapes ? escaped(value) : JSON.stringify(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return `"${value}"`
  if (Object.is(value, -0)) return '-0'
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${space}${value.map((one) => jsonOf(one, style, name)).join(`${space},${space}`)}]`
  const members = Object.entries(value).map(
    ([key, member]) =>
      `${style.escapes ? escaped(key) : JSON.stringify(key)}${space}:${space}${jsonOf(member, style, key)}`,
  )
  if (style.strangers && name !== 'value') members.unshift(strangers)
  return `{${members.join(`,${space}`)}${space}}`
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex')
}

function escaped(text: string): string {
  const units = text.split('').map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'))
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`
}

// The object as it was drawn, by way of protobufjs alone.
function plainOf(request: object): Plain {
  const type = traceRequestTypeWithStrings
  return plainFromProtobuf(type.encode(type.fromObject(request)).finish())
}

test('any request in any of the spellings that OTLP/JSON allows is read as what was written', () => {
  fc.assert(
    fc.property(traceRequests, styles, (request, style) => {
      expect(read(jsonOf(request, style))).toEqual(plainOf(request))
    }),
    { numRuns: 1500 },
  )
})

test('any request is read as JSON.parse and protobufjs read it', () => {
  fc.assert(
    fc.property(traceRequests, styles, (request, style) => {
      const text = jsonOf(request, { ...style, urlSafe: false })
      expect(read(text)).toEqual(plainFromJson(text))
    }),
    { numRuns: 1000 },
  )
})

test('text with one character changed, put in or taken out is refused where JSON.parse refuses, else read as it reads', () => {
  const characters = fc.constantFrom(...Array.from('{}[]",:\\0123456789-+.eEnulltruefalse \u0000\u001f\n'))
  let accepted = 0
  fc.assert(
    fc.property(traceRequests, styles, fc.nat(), characters, fc.nat(2), (request, style, where, drawn, change) => {
      const text = Array.from(jsonOf(request, style))
      text.splice(where % (text.length + 1), change === 0 ? 0 : 1, ...(change === 1 ? [] : [drawn]))
      const changed = text.join('')
      let found: Plain
      try {
        found = read(changed)
      } catch (refusal) {
        // Refused JSON may be refused for its types only; which ones is for the tables below.
        expect(refusal).toEqual(refused)
        return
      }
      accepted++
      expect(() => JSON.parse(changed)).not.toThrow()
      if (!/"(?:[0-9A-Fa-f]{2})*[0-9A-Fa-f]"/.test(changed)) expect(found).toEqual(plainFromJson(changed))
    }),
    { numRuns: 3000, endOnFailure: true },
  )
  expect(accepted).toBeGreaterThan(100)
})

test('a request cut at any byte is refused, and none but AppErrors come out', () => {
  const text = Buffer.from(
    '{"resourceSpans":[{"resource":{"attributes":[{"key":"é\\ud83d\\ude00","value":{"arrayValue":{"values":[{"intValue":"-1"},{"doubleValue":1.5e3},{"boolValue":true},{}]}}}]},"other":[null,{"a":"b"}]}]}',
  )
  for (let length = 0; length < text.length; length++) expect(() => read(text.subarray(0, length))).toThrow(refused)
  expect(read(text)).toEqual(plainFromJson(text.toString()))
})

describe('what is no OTLP/JSON is refused', () => {
  test.each([
    '',
    ' ',
    'null',
    '[]',
    '""',
    '1',
    'true',
    'NaN',
    '{',
    '{}}',
    '{} x',
    '{}{}',
    "{'resourceSpans':[]}",
    '{resourceSpans:[]}',
    '{"resourceSpans":[],}',
    '{"resourceSpans":[{},]}',
    '{"resourceSpans":[{}}',
    '{"resourceSpans" []}',
    '{"resourceSpans":{}}',
    '{"resourceSpans":[null]}',
    '{"resourceSpans":[[]]}',
    '{"resourceSpans":"x"}',
    '{"resourceSpans":NaN}',
    '{"resourceSpans":undefined}',
    '{"a":nul}',
    '{"a":nullx}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":+1}',
    '{"a":1e}',
    '{"a":-}',
    '{"a":0x1}',
    '{"a":Infinity}',
    '{"a":"\n"}',
    '{"a":"\\x"}',
    '{"a":"\\u12g4"}',
    '{"a":"\\u12"}',
    '{"a":/**/1}',
    '\u00a0{}',
    '{"a\n":1}',
  ])('%j', (text) => {
    expect(() => read(text)).toThrow(refused)
  })
})

function spanJson(fields: string): string {
  return `{"resourceSpans":[{"scopeSpans":[{"spans":[{${fields}}]}]}]}`
}

function readSpan(fields: string): unknown {
  const request = read(spanJson(fields)) as { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] }
  return request.resourceSpans[0]!.scopeSpans[0]!.spans[0]
}

function readValue(value: string): unknown {
  return (readSpan(`"attributes":[{"key":"k","value":${value}}]`) as { attributes: { value?: unknown }[] })
    .attributes[0]!.value
}

describe('a value of another type than its field is refused', () => {
  test.each([
    '"kind":"SPAN_KIND_SERVER"',
    '"kind":"2"',
    '"kind":2.5',
    '"kind":2147483648',
    '"kind":-2147483649',
    '"kind":true',
    '"status":{"code":"STATUS_CODE_OK"}',
    '"status":[]',
    '"name":5',
    '"name":{}',
    '"traceId":5',
    '"traceId":"5b8efff798038103d269b633813fc60g"',
    '"traceId":"W47/95gDgQPSabYzgT/GDA=="',
    '"spanId":"7uGbftxhwXM="',
    '"startTimeUnixNano":-1',
    '"startTimeUnixNano":18446744073709551616',
    '"startTimeUnixNano":"1e20"',
    '"startTimeUnixNano":1.5',
    '"startTimeUnixNano":""',
    '"startTimeUnixNano":" 1"',
    '"startTimeUnixNano":"1x"',
    '"startTimeUnixNano":true',
    '"droppedAttributesCount":4294967296',
    '"droppedAttributesCount":-1',
    '"flags":"4294967296"',
    '"attributes":{}',
    '"attributes":[{"key":"k","value":"v"}]',
    '"attributes":[{"key":"k","value":{"intValue":9223372036854775808}}]',
    '"attributes":[{"key":"k","value":{"intValue":"-9223372036854775809"}}]',
    '"attributes":[{"key":"k","value":{"intValue":1.5}}]',
    '"attributes":[{"key":"k","value":{"intValue":1e19}}]',
    '"attributes":[{"key":"k","value":{"intValue":1e-1}}]',
    '"attributes":[{"key":"k","value":{"intValue":1e999999999999}}]',
    '"attributes":[{"key":"k","value":{"boolValue":"true"}}]',
    '"attributes":[{"key":"k","value":{"boolValue":1}}]',
    '"attributes":[{"key":"k","value":{"stringValue":1}}]',
    '"attributes":[{"key":"k","value":{"doubleValue":"x"}}]',
    '"attributes":[{"key":"k","value":{"doubleValue":"nan"}}]',
    '"attributes":[{"key":"k","value":{"doubleValue":NaN}}]',
    '"attributes":[{"key":"k","value":{"bytesValue":"A"}}]',
    '"attributes":[{"key":"k","value":{"bytesValue":"A==="}}]',
    '"attributes":[{"key":"k","value":{"bytesValue":"AA=A"}}]',
    '"attributes":[{"key":"k","value":{"bytesValue":"A A="}}]',
    '"attributes":[{"key":"k","value":{"arrayValue":{"values":[1]}}}]',
    '"attributes":[{"key":"k","value":{"arrayValue":[]}}]',
  ])('%s', (fields) => {
    expect(() => readSpan(fields)).toThrow(refused)
  })
})

test.each([
  ['9223372036854775807', '9223372036854775807'],
  ['-9223372036854775808', '-9223372036854775808'],
  ['-9223372036854775807', '-9223372036854775807'],
  ['9007199254740993', '9007199254740993'],
  ['-9007199254740993', '-9007199254740993'],
  ['1700000000123456789', '1700000000123456789'],
  ['0', '0'],
  ['-0', '0'],
  ['1e3', '1000'],
  ['1.5E+1', '15'],
  ['120e-1', '12'],
  ['0e99999999999', '0'],
  ['9.223372036854775807e18', '9223372036854775807'],
])('the integer %s is read to its last digit, as number and as string', (written, digits) => {
  expect(readValue(`{"intValue":${written}}`)).toEqual({ intValue: digits })
  expect(readValue(`{"intValue":"${written}"}`)).toEqual({ intValue: digits })
})

test('every integer comes back with its digits, signed and unsigned', () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.bigInt(1n, 2n ** 64n - 1n), (int, time) => {
      expect(readValue(`{"intValue":${int}}`)).toEqual({ intValue: String(int) })
      expect(readSpan(`"startTimeUnixNano":${time}`)).toEqual({ startTimeUnixNano: String(time) })
    }),
  )
})

test.each([
  ['"NaN"', NaN],
  ['"Infinity"', Infinity],
  ['"-Infinity"', -Infinity],
  ['-0', -0],
  ['-0.0', -0],
  ['0', 0],
  ['"1.5"', 1.5],
  ['1e-400', 0],
  ['1e400', Infinity],
  ['0.1', 0.1],
  ['5e-324', 5e-324],
  ['9007199254740993', 9007199254740992],
])('the double %s is read with its sign and value', (written, value) => {
  expect(readValue(`{"doubleValue":${written}}`)).toEqual({ doubleValue: value })
})

test.each([
  ['"5B8EFFF798038103D269B633813FC60C"', 'W47/95gDgQPSabYzgT/GDA=='],
  ['"5b8efff798038103d269b633813fc60c"', 'W47/95gDgQPSabYzgT/GDA=='],
  ['"\\u0035b8efff798038103d269b633813fc60c"', 'W47/95gDgQPSabYzgT/GDA=='],
  ['"0102"', 'AQI='],
])('the id %s is read as bytes, whatever its case and length', (written, base64) => {
  expect(readSpan(`"traceId":${written}`)).toEqual({ traceId: base64 })
})

test('an id with an odd number of digits never becomes one of the right length', () => {
  for (let digits = 1; digits < 70; digits += 2) {
    const { traceId, spanId } = readSpan(`"traceId":"${'a'.repeat(digits)}","spanId":"${'a'.repeat(digits)}"`) as {
      traceId: string
      spanId: string
    }
    expect(Buffer.from(traceId, 'base64')).not.toHaveLength(16)
    expect(Buffer.from(spanId, 'base64')).not.toHaveLength(8)
  }
})

test.each(['', 'AA', 'AA==', 'AAE', 'AAE=', 'AAEC', '-_-_', '+/+/', '_w'])('base64 %j is read', (written) => {
  expect(readValue(`{"bytesValue":"${written}"}`)).toEqual({
    bytesValue: Buffer.from(written, 'base64').toString('base64'),
  })
})

test('null is the same as absent, for every kind of field', () => {
  expect(readSpan('"name":null,"traceId":null,"kind":null,"attributes":null,"status":null,"flags":null')).toEqual({})
  expect(
    readValue('{"stringValue":null,"intValue":null,"doubleValue":null,"arrayValue":null,"bytesValue":null}'),
  ).toEqual({})
  expect(readValue('null')).toBeUndefined()
  expect(read('{"resourceSpans":null}')).toEqual({})
})

test('empty objects stay what they are', () => {
  expect(
    readSpan('"status":{},"attributes":[{"key":"a","value":{}},{"key":"b","value":{"arrayValue":{}}},{}]'),
  ).toEqual({
    status: {},
    attributes: [{ key: 'a', value: {} }, { key: 'b', value: { arrayValue: {} } }, {}],
  })
  expect(tracesFromJson(Buffer.from('{}'))).toHaveLength(0)
  expect(tracesFromJson(Buffer.from('{"resourceSpans":[]}'))).toHaveLength(0)
})

test('of equal names the last one counts, as with JSON.parse', () => {
  const texts = [
    '"name":"a","name":"b"',
    '"name":"a","name":null',
    '"name":"a","kind":2,"name":"","kind":0',
    '"attributes":[{"key":"a"}],"name":"n","attributes":[{"key":"b"},{"key":"c"}],"attributes":[{"key":"d"}],"name":"m"',
    '"status":{"code":2,"message":"x"},"status":{"message":"y","message":"z"}',
    '"attributes":[{"key":"a","value":{"intValue":1},"key":"b","value":{"intValue":2}}],"events":[],"events":[{"name":"e"}]',
    '"attributes":[{"key":"k","value":{"kvlistValue":{"values":[{"key":"x"}],"values":[{"key":"y"}]}}}]',
    `"name":"${'x'.repeat(300)}","traceId":"01","name":"${'y'.repeat(20)}","traceId":"02"`,
    '"na\\u006de":"a","name":"b","n\\u0061me":"c"',
  ]
  for (const text of texts) expect(read(spanJson(text))).toEqual(plainFromJson(spanJson(text)))
  expect(readValue('{"stringValue":"a","intValue":1,"stringValue":null}')).toEqual({ intValue: '1' })
})
