import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AnyValue, ServicesAnswer, TraceAnswer, TraceSpan, TracesAnswer } from '../query-api/types.ts'
import { expectAlive, pidsOf, traceOf } from './alive.ts'
import { metric } from './ledger.ts'
import { oracleType } from './otlp-oracle.ts'
import {
  agoText,
  call,
  encode,
  field,
  hexOf,
  type Loose,
  messageOf,
  newSpanId,
  newTraceId,
  post,
  requestOfSpan,
  spanOf,
  stringAttribute,
  varint,
} from './requests.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

// What bad and odd input does to the whole path, from the socket to the answer of the API. What each reader makes of it
// alone is tested beside the readers.

let weft: RunningWeft
let pids: readonly (number | undefined)[]
beforeAll(async () => {
  weft = await startWeft()
  pids = pidsOf(weft)
})
afterAll(() => weft?.close())

/** The value of an attribute, as the API answers it. */
const valueOf = (span: TraceSpan | undefined, key: string): AnyValue | undefined =>
  span?.attributes.find((attribute) => attribute.key === key)?.value

/** A JSON span, its values given as JSON text so that digits stay as they are. */
const jsonOf = (service: string, traceId: string, members: string) =>
  `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"${service}"}}]},` +
  `"scopeSpans":[{"spans":[{"traceId":"${traceId}","spanId":"${hexOf(newSpanId())}","name":"json","kind":2,${members}}]}]}]}`

describe('ids', () => {
  const wrong: readonly (readonly [string, Loose])[] = [
    ...[0, 8, 15, 17, 32].map(
      (length) => [`trace id of ${length} bytes`, { traceId: Buffer.alloc(length, 7) }] as const,
    ),
    ['trace id of zeros', { traceId: Buffer.alloc(16) }],
    ...[0, 4, 7, 9, 16].map((length) => [`span id of ${length} bytes`, { spanId: Buffer.alloc(length, 7) }] as const),
    ['span id of zeros', { spanId: Buffer.alloc(8) }],
  ]

  test('3 of 10 spans with each kind of wrong id: 3 rejected and told why, 7 shown', async () => {
    const sent = wrong.map(([what, bad]) => {
      const traceId = newTraceId()
      return {
        what,
        traceId,
        spans: Array.from({ length: 10 }, (_, i) => spanOf({ traceId, ...(i % 4 === 1 ? bad : {}) })),
      }
    })
    for (const { what, spans } of sent) {
      const answer = await post(weft.otlpHttp, encode(messageOf('ids', spans)))
      expect([what, answer.status, answer.rejectedSpans]).toEqual([what, 200, 3])
      expect(answer.message).not.toBe('')
    }
    for (const { traceId, spans } of sent) {
      const trace = await traceOf(weft, hexOf(traceId), 7)
      expect(trace.spans.map(({ spanId }) => spanId).toSorted()).toEqual(
        spans.flatMap((span, i) => (i % 4 === 1 ? [] : [hexOf(span['spanId'] as Buffer)])).toSorted(),
      )
    }
  })

  test('of the parent and of links drop nothing, whatever they are', async () => {
    const traceId = newTraceId()
    const odd = [0, 3, 7, 9, 16, 32].map((length) => Buffer.alloc(length, 5))
    const spans = odd.map((id) =>
      spanOf({ traceId, parentSpanId: id, links: [{ traceId: id, spanId: id, attributes: [] }] }),
    )
    expect(await post(weft.otlpHttp, encode(messageOf('ids', spans)))).toMatchObject({ status: 200, rejectedSpans: 0 })
    expect((await traceOf(weft, hexOf(traceId), odd.length)).spanCount).toBe(odd.length)
  })

  test('in upper case are the same trace', async () => {
    const traceId = hexOf(newTraceId())
    for (const id of [traceId, traceId.toUpperCase()]) {
      const times = `"startTimeUnixNano":"${agoText(100)}","endTimeUnixNano":"${agoText(0)}"`
      expect((await post(weft.otlpHttp, jsonOf('ids', id, times))).status).toBe(200)
    }
    expect((await traceOf(weft, traceId.toUpperCase(), 2)).spanCount).toBe(2)
  })
})

describe('numbers', () => {
  const integers = [
    '9223372036854775807',
    '-9223372036854775807',
    '-9223372036854775808',
    '9007199254740993',
    '-1',
    '0',
  ]
  const [start, end] = ['1700000000123456789', '18446744073709551615']
  const digits = (trace: TraceAnswer) => {
    const [span] = trace.spans
    return [span?.startTimeUnixNano, span?.endTimeUnixNano, ...integers.map((_, i) => valueOf(span, `i${i}`)?.intValue)]
  }

  test('64-bit integers keep every digit, as protobuf, JSON number and JSON string', async () => {
    const traceIds = Array.from({ length: 3 }, () => newTraceId())
    const [binary, bare, quoted] = traceIds as [Buffer, Buffer, Buffer]
    const attributes = integers.map((intValue, i) => ({ key: `i${i}`, value: { intValue } }))
    const span = spanOf({ traceId: binary, startTimeUnixNano: start, endTimeUnixNano: end, attributes })
    expect((await post(weft.otlpHttp, encode(messageOf('digits', [span])))).status).toBe(200)
    for (const [traceId, quote] of [
      [bare, ''],
      [quoted, '"'],
    ] as const) {
      const values = integers.map((digits, i) => `{"key":"i${i}","value":{"intValue":${quote}${digits}${quote}}}`)
      const text = jsonOf(
        'digits',
        hexOf(traceId),
        `"startTimeUnixNano":${quote}${start}${quote},"endTimeUnixNano":${quote}${end}${quote},"attributes":[${values.join()}]`,
      )
      expect((await post(weft.otlpHttp, text)).status).toBe(200)
    }
    for (const traceId of traceIds) {
      expect(digits(await traceOf(weft, hexOf(traceId), 1))).toEqual([start, end, ...integers])
    }
  })

  test('NaN, infinities and -0 come back as they are', async () => {
    const doubles = { nan: NaN, most: Infinity, least: -Infinity, zero: -0 }
    const [binary, json] = [newTraceId(), newTraceId()]
    const attributes = Object.entries(doubles).map(([key, doubleValue]) => ({ key, value: { doubleValue } }))
    await post(weft.otlpHttp, encode(messageOf('doubles', [spanOf({ traceId: binary, attributes })])))
    const values = '"NaN" "Infinity" "-Infinity" -0.0'.split(' ')
    const members = Object.keys(doubles).map((key, i) => `{"key":"${key}","value":{"doubleValue":${values[i]}}}`)
    const times = `"startTimeUnixNano":"${agoText(100)}","endTimeUnixNano":"${agoText(0)}"`
    await post(weft.otlpHttp, jsonOf('doubles', hexOf(json), `${times},"attributes":[${members.join()}]`))
    for (const traceId of [binary, json]) {
      const [span] = (await traceOf(weft, hexOf(traceId), 1)).spans
      expect(Object.keys(doubles).map((key) => valueOf(span, key)?.doubleValue)).toEqual([
        'NaN',
        'Infinity',
        '-Infinity',
        -0,
      ])
    }
    for (const value of ['nan=nan', 'most=inf', 'zero=-0']) {
      await weft.get<TracesAnswer>(`/api/traces?service=doubles&attribute=${encodeURIComponent(value)}`)
    }
  })

  test('durations below 0 and of nothing are shown as 0, marked, and move no percentile', async () => {
    const hour = 3_600_000_000_000n
    const now = BigInt(agoText(60_000))
    const odd: readonly (readonly [bigint, bigint])[] = [
      [now, now - 1n],
      [now, now - hour],
      [now, 0n],
      [0n, now],
      [0n, 0n],
    ]
    const traceId = newTraceId()
    const good = Array.from({ length: 10 }, (_, i) => spanOf({ name: `good ${i}` }))
    const bad = odd.map(([from, to]) =>
      spanOf({ traceId, startTimeUnixNano: String(from), endTimeUnixNano: String(to) }),
    )
    const answer = await post(weft.otlpHttp, encode(messageOf('skewed', [...good, ...bad])))
    expect(answer).toMatchObject({ status: 200, rejectedSpans: 0 })
    const trace = await traceOf(weft, hexOf(traceId), odd.length)
    for (const span of trace.spans) expect([span.durationNanos, span.invalidTimes]).toEqual(['0', true])
    const { services } = await weft.get<ServicesAnswer>('/api/services')
    const tenMs = '10000000'
    expect(services.find(({ name }) => name === 'skewed')).toMatchObject({ p50: tenMs, p90: tenMs, p99: tenMs })
  })
})

describe('nesting', () => {
  /** An AnyValue with so many levels, the innermost a string; inside out, as no encoder need go so deep. */
  const nested = (levels: number, kvlist: boolean): Buffer => {
    let value = field(1, Buffer.from('bottom'))
    for (let level = 1; level < levels; level++) {
      value = kvlist ? field(6, field(1, field(1, Buffer.from('k')), field(2, value))) : field(5, field(1, value))
    }
    return value
  }
  const nestedJson = (levels: number) =>
    `${'{"arrayValue":{"values":['.repeat(levels - 1)}{"stringValue":"bottom"}${']}}'.repeat(levels - 1)}`
  const withValue = (traceId: Uint8Array, value: Uint8Array) => {
    const type = oracleType('Span')
    const span = Buffer.from(
      type.encode(type.fromObject({ ...spanOf({ traceId }), name: Buffer.from('deep') })).finish(),
    )
    return requestOfSpan('deep', Buffer.concat([span, field(9, field(1, Buffer.from('deep')), field(2, value))]))
  }
  const levelsOf = (value: AnyValue | undefined): number => {
    const inner = value?.arrayValue?.values?.[0] ?? value?.kvlistValue?.values?.[0]?.value
    return inner === undefined ? (value?.stringValue === 'bottom' ? 1 : -Infinity) : 1 + levelsOf(inner)
  }

  test('of 32 levels comes back whole, in both encodings and forms', async () => {
    const [array, kvlist, json] = [newTraceId(), newTraceId(), newTraceId()]
    expect((await post(weft.otlpHttp, withValue(array, nested(32, false)))).status).toBe(200)
    expect(await call(weft.otlpGrpc, withValue(kvlist, nested(32, true)))).toBe(0)
    const times = `"startTimeUnixNano":"${agoText(100)}","endTimeUnixNano":"${agoText(0)}"`
    const text = jsonOf('deep', hexOf(json), `${times},"attributes":[{"key":"deep","value":${nestedJson(32)}}]`)
    expect((await post(weft.otlpHttp, text)).status).toBe(200)
    for (const traceId of [array, kvlist, json]) {
      const [span] = (await traceOf(weft, hexOf(traceId), 1)).spans
      expect(levelsOf(valueOf(span, 'deep'))).toBe(32)
    }
  })

  test.each([100, 1_000, 10_000])('of %i levels is refused for good, and everything lives on', async (levels) => {
    expect((await post(weft.otlpHttp, withValue(newTraceId(), nested(levels, false)))).status).toBe(400)
    expect(await call(weft.otlpGrpc, withValue(newTraceId(), nested(levels, true)))).toBe(3)
    const members = `"attributes":[{"key":"deep","value":${nestedJson(levels)}}]`
    expect((await post(weft.otlpHttp, jsonOf('deep', hexOf(newTraceId()), members))).status).toBe(400)
    await expectAlive(weft, pids)
  })
})

describe('what OTLP does not know', () => {
  const encodedSpan = (given: Loose) => {
    const type = oracleType('Span')
    return Buffer.from(type.encode(type.fromObject({ ...spanOf(given), name: Buffer.from('odd') })).finish())
  }

  test('fields of every wire type are ignored, at the top and in a span; odd enum values are kept', async () => {
    const traceId = newTraceId()
    const unknown = Buffer.concat([
      varint(900 * 8),
      varint(7),
      varint(901 * 8 + 1),
      Buffer.alloc(8, 1),
      field(902, Buffer.from('text')),
      Buffer.concat([varint(903 * 8 + 3), varint(8), varint(1), varint(903 * 8 + 4)]),
      varint(904 * 8 + 5),
      Buffer.alloc(4, 1),
    ])
    const span = Buffer.concat([encodedSpan({ traceId, kind: 99, status: { code: 7 } }), unknown])
    const answer = await post(weft.otlpHttp, Buffer.concat([requestOfSpan('odd', span), unknown]))
    expect(answer).toMatchObject({ status: 200, rejectedSpans: 0 })
    const [shown] = (await traceOf(weft, hexOf(traceId), 1)).spans
    expect([shown?.name, shown?.service]).toEqual(['odd', 'odd'])
    expect([shown?.kind, shown?.status.code]).toEqual([99, 7])
  })

  test('20,000 nested groups are refused for good', async () => {
    const groups = Buffer.concat([
      ...Array.from({ length: 20_000 }, () => varint(903 * 8 + 3)),
      ...Array.from({ length: 20_000 }, () => varint(903 * 8 + 4)),
    ])
    const body = requestOfSpan('odd', Buffer.concat([encodedSpan({}), groups]))
    expect((await post(weft.otlpHttp, body)).status).toBe(400)
    expect(await call(weft.otlpGrpc, body)).toBe(3)
    await expectAlive(weft, pids)
  })
})

describe('strings', () => {
  const odd: readonly (readonly [string, Buffer])[] = [
    ['invalid UTF-8', Buffer.from([0x61, 0xff, 0xfe, 0x62])],
    ['overlong', Buffer.from([0xc0, 0x80, 0x63])],
    ['a surrogate', Buffer.from([0xed, 0xa0, 0x80])],
    ['cut short', Buffer.from([0x64, 0xf0, 0x9f, 0x98])],
    ['NUL', Buffer.from('a\0b')],
    ['right to left', Buffer.from('\u202eabc\u2066معالجة')],
    ['line separators', Buffer.from('a\u2028b\u2029c\r\n')],
    ['a byte order mark', Buffer.from('\ufeffabc')],
  ]
  const asText = (bytes: Buffer) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  const plain = (text: string) => Buffer.from(text)

  test.concurrent.each(odd)(
    'with %s in every field: U+FFFD for what is none, the neighbour whole',
    async (what, bytes) => {
      const [traceId, oddId] = [newTraceId(), newSpanId()]
      const attribute = { key: bytes, value: { stringValue: bytes } }
      const nested = {
        kvlistValue: {
          values: [attribute, { key: plain('a'), value: { arrayValue: { values: [{ stringValue: bytes }] } } }],
        },
      }
      const odd = {
        ...spanOf({ traceId, spanId: oddId }),
        name: bytes,
        traceState: bytes,
        attributes: [attribute, { key: plain('nested'), value: nested }],
        events: [{ name: bytes, timeUnixNano: agoText(5_000), attributes: [attribute] }],
        links: [{ traceId: newTraceId(), spanId: newSpanId(), traceState: bytes, attributes: [attribute] }],
        status: { code: 2, message: bytes },
      }
      const neighbour = { ...spanOf({ traceId }), name: plain(`beside ${what}`) }
      const service = { key: plain('service.name'), value: { stringValue: bytes } }
      const message = {
        resourceSpans: [
          {
            resource: { attributes: [attribute, service] },
            schemaUrl: bytes,
            scopeSpans: [
              {
                scope: { name: bytes, version: bytes, attributes: [attribute] },
                schemaUrl: bytes,
                spans: [odd, neighbour],
              },
            ],
          },
        ],
      }
      expect(await post(weft.otlpHttp, encode(message, 'bytes'))).toMatchObject({ status: 200, rejectedSpans: 0 })
      await traceOf(weft, hexOf(traceId), 2)

      const response = await fetch(`${weft.api}/api/traces/${hexOf(traceId)}`)
      const answer = new TextDecoder('utf-8', { fatal: true }).decode(await response.arrayBuffer())
      const trace = JSON.parse(answer) as TraceAnswer
      const text = asText(bytes)
      const shown = { key: text, value: { stringValue: text } }
      const span = trace.spans.find(({ spanId }) => spanId === hexOf(oddId))
      expect(span).toMatchObject({
        name: text,
        traceState: text,
        service: text,
        status: { code: 2, message: text },
        events: [{ name: text, attributes: [shown] }],
        links: [{ traceState: text, attributes: [shown] }],
      })
      expect(valueOf(span, text)).toEqual({ stringValue: text })
      expect(valueOf(span, 'nested')).toEqual({
        kvlistValue: { values: [shown, { key: 'a', value: { arrayValue: { values: [{ stringValue: text }] } } }] },
      })
      expect(trace.resources[span?.resource ?? -1]).toMatchObject({ schemaUrl: text })
      expect(trace.resources[span?.resource ?? -1]?.attributes).toContainEqual(shown)
      expect(trace.scopes[span?.scope ?? -1]).toMatchObject({
        name: text,
        version: text,
        schemaUrl: text,
        attributes: [shown],
      })
      expect(trace.spans.map(({ name }) => name)).toContain(`beside ${what}`)
      const filter = new URLSearchParams({ service: text, operation: text, attribute: `${text}=${text}` })
      const found = await weft.get<TracesAnswer>(`/api/traces?${filter.toString()}`)
      if (!text.includes('=')) expect(found.traces.map((summary) => summary.traceId)).toContain(hexOf(traceId))
    },
  )

  test('with lone surrogates in JSON: U+FFFD', async () => {
    const traceId = hexOf(newTraceId())
    const times = `"startTimeUnixNano":"${agoText(100)}","endTimeUnixNano":"${agoText(0)}"`
    const attributes = String.raw`[{"key":"k\udc00","value":{"stringValue":"a\ud83dz\ud83d\ude00"}}]`
    expect((await post(weft.otlpHttp, jsonOf('odd', traceId, `${times},"attributes":${attributes}`))).status).toBe(200)
    const [span] = (await traceOf(weft, traceId, 1)).spans
    expect(valueOf(span, 'k\ufffd')).toEqual({ stringValue: 'a\ufffdz😀' })
  })

  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__']
  test('that are names of JavaScript are plain keys: stored, shown, found', async () => {
    const [binary, json] = [newTraceId(), newTraceId()]
    const attributes = names.map((name) => stringAttribute(name, `value of ${name}`))
    const list = { key: 'list', value: { kvlistValue: { values: attributes } } }
    const span = spanOf({ traceId: binary, attributes: [...attributes, list] })
    const message = {
      resourceSpans: [
        {
          resource: { attributes: [stringAttribute('service.name', '__proto__'), ...attributes] },
          scopeSpans: [{ spans: [span] }],
        },
      ],
    }
    expect((await post(weft.otlpHttp, encode(message))).status).toBe(200)
    const times = `"startTimeUnixNano":"${agoText(100)}","endTimeUnixNano":"${agoText(0)}"`
    const members = `${times},"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"attributes":${JSON.stringify(attributes)}`
    expect((await post(weft.otlpHttp, jsonOf('__proto__', hexOf(json), members))).status).toBe(200)
    for (const traceId of [binary, json]) {
      const [shown] = (await traceOf(weft, hexOf(traceId), 1)).spans
      for (const name of names) expect(valueOf(shown, name)).toEqual({ stringValue: `value of ${name}` })
    }
    for (const name of names) {
      for (const key of [name, `span.${name}`, `resource.${name}`]) {
        const filter = new URLSearchParams({ service: '__proto__', attribute: `${key}=value of ${name}` })
        const { traces } = await weft.get<TracesAnswer>(`/api/traces?${filter.toString()}`)
        expect(traces.map(({ traceId }) => traceId)).toContain(hexOf(binary))
      }
      const values = await fetch(`${weft.api}/api/attributes/values?key=${encodeURIComponent(name)}`)
      expect([name, values.status]).toEqual([name, 200])
      const unknown = await fetch(`${weft.api}/api/traces?${encodeURIComponent(name)}=1`)
      expect([name, unknown.status]).toEqual([name, 400])
      expect((await fetch(`${weft.api}/api/services/${encodeURIComponent(name)}/operations`)).status).toBe(200)
    }
    const { services } = await weft.get<ServicesAnswer>('/api/services')
    expect(services.map(({ name }) => name)).toContain('__proto__')
    await expectAlive(weft, pids)
  })
})

describe('the same again', () => {
  const window = 'service=resent&limit=100'
  const sameEverywhere = async (traceIds: readonly string[]) => {
    for (const traceId of traceIds) {
      const trace = await traceOf(weft, traceId, 2)
      expect([trace.spanCount, trace.duplicatesRemoved, ...trace.spans.map(({ copies }) => copies)]).toEqual([
        2, 0, 1, 1,
      ])
    }
    const { traces } = await weft.get<TracesAnswer>(`/api/traces?${window}`)
    expect(traces.map(({ traceId, spanCount }) => `${traceId}: ${spanCount}`).toSorted()).toEqual(
      traceIds.map((traceId) => `${traceId}: 2`).toSorted(),
    )
    const { services } = await weft.get<ServicesAnswer>('/api/services')
    const count = 2 * traceIds.length
    expect(services.find(({ name }) => name === 'resent')).toMatchObject({ spans: count, requests: count })
  }
  const fiveTimes = async (body: Buffer) => {
    for (let i = 0; i < 5; i++) expect((await post(weft.otlpHttp, body)).status).toBe(200)
    expect(await call(weft.otlpGrpc, body)).toBe(0)
  }
  const pair = (traceId: Buffer) => encode(messageOf('resent', [spanOf({ traceId }), spanOf({ traceId })]))
  const drained = () => eventually(async () => (await metric(weft, 'weft_queue_lag_items')) === 0)

  test('in another batch is shown once, and told', async () => {
    const traceId = newTraceId()
    const spans = [spanOf({ traceId, name: 'first' }), spanOf({ traceId, name: 'second' })]
    for (const batch of [spans, spans.slice(0, 1), spans.slice(1), spans.toReversed()]) {
      expect((await post(weft.otlpHttp, encode(messageOf('batched anew', batch)))).status).toBe(200)
    }
    const trace = await eventually(async () => {
      const trace = await weft.get<TraceAnswer>(`/api/traces/${hexOf(traceId)}`)
      return trace.duplicatesRemoved === 4 && trace
    })
    expect(trace.spanCount).toBe(2)
    expect(trace.spans.map(({ copies }) => copies)).toEqual([3, 3])
    const { traces } = await weft.get<TracesAnswer>('/api/traces?service=batched+anew')
    expect(traces.map(({ spanCount }) => spanCount)).toEqual([2])
  })

  test('is there once, five times over HTTP and once over gRPC; ingest killed in between changes nothing', async () => {
    const [one, two] = [newTraceId(), newTraceId()]
    const [first, second] = [pair(one), pair(two)]
    await fiveTimes(first)
    await drained()
    await sameEverywhere([hexOf(one)])

    // Until now no role was restarted: what came in is accounted for, to the span.
    const [accepted, stored, resent, aside, queued] = await Promise.all(
      [
        'weft_collector_spans_accepted_total',
        'weft_ingest_spans_stored_total',
        'weft_ingest_spans_resent_total',
        'weft_ingest_spans_set_aside_total',
        'weft_queue_lag_items',
      ].map((name) => metric(weft, name)),
    )
    expect(resent).toBeGreaterThanOrEqual(10)
    expect(accepted).toBe((stored ?? 0) + (resent ?? 0) + (aside ?? 0) + (queued ?? 0))

    const pid = weft.pid('ingest') ?? 0
    await fiveTimes(second)
    process.kill(pid, 'SIGKILL')
    await eventually(() => weft.pid('ingest') !== pid && weft.pid('ingest') !== undefined)
    await fiveTimes(first)
    await fiveTimes(second)
    await eventually(async () => (await metric(weft, 'weft_ingest_spans_resent_total')) >= 24)
    await drained()
    await sameEverywhere([hexOf(one), hexOf(two)])
  })
})
