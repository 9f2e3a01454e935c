import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { QueryApi } from '../server.ts'
import { openQueryApi, openQuestionStore, type QuestionStore } from '../testing.ts'
import type { ErrorAnswer, HeatmapAnswer, TraceAnswer, TracesAnswer, TraceSpan } from '../types.ts'

let store: QuestionStore
let api: QueryApi & { url: string }

beforeAll(async () => {
  store = await openQuestionStore()
  api = await openQueryApi({ reader: store.reader })
})
afterAll(async () => {
  await api.close(AbortSignal.timeout(5000))
  await store.close()
})

const start = 1_700_000_000_123_456_789n
const idOf = (trace: string): string => Buffer.from(trace.padEnd(16, '.')).toString('hex')

/** A row with nothing in it but what every span has. */
const row = (trace: string, spanId: number | bigint, parent: number, more: object = {}): object => ({
  tenant: 'default',
  received_at: '2024-01-01 00:00:00.000000001',
  trace_id: trace.padEnd(16, '.'),
  span_id: String(spanId),
  parent_span_id: String(parent),
  service: 'shop',
  name: 'op',
  kind: 1,
  start_ns: String(start),
  duration_ns: '1000',
  ...more,
})

async function traceText(trace: string, query = ''): Promise<string> {
  const response = await fetch(`${api.url}/api/traces/${idOf(trace)}${query}`)
  expect(response.status).toBe(200)
  return response.text()
}
const traceOf = async (trace: string): Promise<TraceAnswer> => JSON.parse(await traceText(trace)) as TraceAnswer

describe('a span', () => {
  let text: string
  let answer: TraceAnswer
  let span: TraceSpan | undefined

  beforeAll(async () => {
    const everything = {
      trace_state: 'a=1,b="2"',
      flags: 0x303,
      name: 'GET /"x"\u2028\u{1f600}',
      kind: 2,
      end_shift_ns: '0',
      status: 2,
      status_message: 'it\nbroke',
      http_method: '',
      http_route: 'filled for queries only',
      http_status: 0,
      db_system: 'redis',
      // Older method, newer status, newer database; the route was not moved.
      moved: 2 + (1 << 4) + (1 << 6),
      attributes_string: { empty: '', constructor: 'c', 'http.route': '/x', "quote'": '"\\' },
      attributes_int: { min: '-9223372036854775808', max: '9223372036854775807', odd: '9007199254740993' },
      attributes_double: { third: 0.1, huge: 1.7976931348623157e308, tiny: 5e-324 },
      attributes_bool: { yes: true, no: false },
      attributes_other: {
        none: '{}',
        list: '{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"a"}]}}',
        nested: '{"kvlistValue":{"values":[{"key":"k","value":{"bytesValue":"AAEC"}}]}}',
      },
      dropped_attributes_count: 1,
      'events.time_ns': ['18446744073709551615', '0'],
      'events.name': ['exception', ''],
      'events.attributes': ['[{"key":"n","value":{"doubleValue":-0}}]', ''],
      'events.dropped_attributes_count': [2, 0],
      dropped_events_count: 3,
      links: ['{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","traceState":"x=y"}'],
      dropped_links_count: 4,
      resource_id: '77',
      scope_name: 'lib',
      scope_version: '1.2',
      scope_rest: '{"attributes":[{"key":"s","value":{"boolValue":true}}],"schemaUrl":"https://scope"}',
    }
    await store.insert('spans', [row('whole', 0x0807060504030201n, 0, everything)])
    // NaN and -0 have no form in JSON numbers that every reader takes.
    await store.run(`INSERT INTO spans (tenant, received_at, trace_id, span_id, start_ns, attributes_double)
      SELECT 'default', now64(9), 'odd-doubles.....', 1, ${start}, map('nan', nan, 'inf', inf, 'minus', -inf, 'zero', -0.0)`)
    await store.insert('resources', [
      {
        tenant: 'default',
        received_at: '2024-01-01 00:00:00',
        resource_id: '77',
        service: 'shop',
        attributes: { 'service.name': 'shop' },
        attributes_otlp:
          '[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"pid","value":{"intValue":"7"}}]',
        dropped_attributes_count: 5,
        schema_url: 'https://resource',
      },
    ])
    text = await traceText('whole')
    answer = JSON.parse(text) as TraceAnswer
    span = answer.spans[0]
  })

  test('has everything that was sent, in the names of OTLP/JSON', () => {
    expect(span).toMatchObject({
      traceId: idOf('whole'),
      spanId: '0102030405060708',
      parentSpanId: '',
      traceState: 'a=1,b="2"',
      flags: 0x303,
      name: 'GET /"x"\u2028\u{1f600}',
      kind: 2,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + 1000n),
      droppedAttributesCount: 1,
      events: [
        {
          timeUnixNano: '18446744073709551615',
          name: 'exception',
          attributes: [{ key: 'n', value: { doubleValue: -0 } }],
          droppedAttributesCount: 2,
        },
        { timeUnixNano: '0', name: '', attributes: [], droppedAttributesCount: 0 },
      ],
      droppedEventsCount: 3,
      links: [{ traceId: '0102030405060708090a0b0c0d0e0f10', spanId: '0102030405060708', traceState: 'x=y' }],
      droppedLinksCount: 4,
      status: { code: 2, message: 'it\nbroke' },
    })
  })

  test('has each attribute with its type and value, under the very name it was sent with', () => {
    const attributes = Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, value]))
    expect(attributes).toEqual({
      'http.method': { stringValue: '' },
      'http.response.status_code': { intValue: '0' },
      'db.system.name': { stringValue: 'redis' },
      'http.route': { stringValue: '/x' },
      empty: { stringValue: '' },
      constructor: { stringValue: 'c' },
      "quote'": { stringValue: '"\\' },
      min: { intValue: '-9223372036854775808' },
      max: { intValue: '9223372036854775807' },
      odd: { intValue: '9007199254740993' },
      third: { doubleValue: 0.1 },
      huge: { doubleValue: Number.MAX_VALUE },
      tiny: { doubleValue: 5e-324 },
      yes: { boolValue: true },
      no: { boolValue: false },
      none: {},
      list: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'a' }] } },
      nested: { kvlistValue: { values: [{ key: 'k', value: { bytesValue: 'AAEC' } }] } },
    })
    expect(span?.attributes.length).toBe(18)
    expect(text).toContain('"doubleValue":-0}')
  })

  test('refers to its resource and scope', () => {
    expect(answer.resources[span?.resource ?? -1]).toEqual({
      attributes: [
        { key: 'service.name', value: { stringValue: 'shop' } },
        { key: 'pid', value: { intValue: '7' } },
      ],
      droppedAttributesCount: 5,
      schemaUrl: 'https://resource',
    })
    expect(answer.scopes[span?.scope ?? -1]).toEqual({
      name: 'lib',
      version: '1.2',
      attributes: [{ key: 's', value: { boolValue: true } }],
      droppedAttributesCount: 0,
      schemaUrl: 'https://scope',
    })
  })

  test('with NaN, infinities and -0 is valid JSON that tells them apart', async () => {
    const odd = await traceText('odd-doubles')
    const [only] = (JSON.parse(odd) as TraceAnswer).spans
    const values = Object.fromEntries((only?.attributes ?? []).map(({ key, value }) => [key, value.doubleValue]))
    expect(values).toEqual({ nan: 'NaN', inf: 'Infinity', minus: '-Infinity', zero: -0 })
    expect(only?.resource).toBe(-1)
  })

  test('is what rebuilding makes of it, besides', () => {
    expect(span).toMatchObject({
      service: 'shop',
      receivedAtUnixNano: '1704067200000000001',
      durationNanos: '1000',
      selfTimeNanos: '1000',
      invalidTimes: false,
      onCriticalPath: true,
      missingParent: false,
      skewNanos: null,
      shiftNanos: '0',
      foldedInto: '',
      copies: 1,
    })
    expect(answer).toMatchObject({ complete: true, spanCount: 1, errorCount: 1, duplicatesRemoved: 0 })
  })
})

describe('times that make no sense', () => {
  test.each([
    ['the end 1 ns before the start', start, 0n, -1n, start - 1n],
    ['the end an hour before', start, 0n, -3_600_000_000_000n, start - 3_600_000_000_000n],
    ['no end', start, 0n, -start, 0n],
    ['no start', 0n, 0n, start, start],
    ['neither', 0n, 0n, 0n, 0n],
    ['the last end there is', 5n, 2n ** 64n - 6n, 0n, 2n ** 64n - 1n],
    ['a start beyond half', 2n ** 64n - 1n, 0n, -(2n ** 63n), 2n ** 63n - 1n],
  ])('%s: shown as sent, marked, lasting 0', async (name, sent, duration, shift, end) => {
    const trace = name.replaceAll(' ', '').slice(0, 16)
    const times = { start_ns: String(sent), duration_ns: String(duration), end_shift_ns: String(shift) }
    await store.insert('spans', [row(trace, 1, 0, times)])
    const { spans } = await traceOf(trace)
    expect(spans).toMatchObject([
      {
        startTimeUnixNano: String(sent),
        endTimeUnixNano: String(end),
        durationNanos: String(duration),
        invalidTimes: shift !== 0n || sent === 0n,
      },
    ])
  })
})

describe('a trace', () => {
  test('is shown on corrected clocks to who asks for them', async () => {
    const at = (ns: bigint, length: bigint) => ({ start_ns: String(start + ns), duration_ns: String(length) })
    await store.insert('spans', [
      row('clocks', 1, 0, { ...at(1000n, 100n), service: 'front', kind: 3 }),
      row('clocks', 2, 1, { ...at(910n, 80n), service: 'back', kind: 2 }),
    ])
    const { clocks, startTimeUnixNano, durationNanos } = await traceOf('clocks')
    expect({ clocks, startTimeUnixNano, durationNanos }).toEqual({
      clocks: 'sent',
      startTimeUnixNano: String(start + 910n),
      durationNanos: '190',
    })
    const corrected = JSON.parse(await traceText('clocks', '?clocks=corrected')) as TraceAnswer
    expect(corrected).toMatchObject({
      clocks: 'corrected',
      startTimeUnixNano: String(start + 1000n),
      durationNanos: '100',
      clockCorrections: [{ service: 'back', shiftNanos: '100', spans: 1 }],
    })
    // What was sent stays what was sent.
    expect(corrected.spans.map((one) => [one.startTimeUnixNano, one.shiftNanos])).toEqual([
      [String(start + 910n), '100'],
      [String(start + 1000n), '0'],
    ])
    expect((await fetch(`${api.url}/api/traces/${idOf('clocks')}?clocks=wrong`)).status).toBe(400)
  })

  test('shows a span once however often it came, and counts', async () => {
    const again = { received_at: '2024-01-01 00:00:09', _queue_offset: '9', duration_ns: '2000' }
    await store.insert('spans', [
      row('copies', 2, 1, again),
      row('copies', 1, 0),
      row('copies', 2, 1),
      row('copies', 2, 1),
    ])
    const { spans, spanCount, duplicatesRemoved } = await traceOf('copies')
    expect(spans.map(({ spanId, copies, durationNanos }) => [spanId, copies, durationNanos])).toEqual([
      ['0100000000000000', 1, '1000'],
      ['0200000000000000', 3, '1000'],
    ])
    expect({ spanCount, duplicatesRemoved }).toEqual({ spanCount: 2, duplicatesRemoved: 2 })
  })

  test('with cycles, itself as parent, and missing parents is told as it is', async () => {
    await store.insert('spans', [
      row('cycle', 1, 2),
      row('cycle', 2, 1, { start_ns: String(start + 1n) }),
      row('cycle', 3, 3, { start_ns: String(start + 2n) }),
      row('cycle', 4, 9, { start_ns: String(start + 3n) }),
    ])
    const answer = await traceOf('cycle')
    expect(answer).toMatchObject({
      complete: false,
      cycles: ['0100000000000000', '0200000000000000', '0300000000000000'],
      roots: ['0100000000000000', '0300000000000000', '0400000000000000'],
      missingParents: [{ spanId: '0900000000000000', children: ['0400000000000000'] }],
    })
    expect(answer.spans.map(({ missingParent }) => missingParent)).toEqual([false, false, false, true])
  })

  test('is not complete within 10 s of its last span', async () => {
    const now = new Date().toISOString().replace('T', ' ').replace('Z', '')
    await store.insert('spans', [row('fresh', 1, 0, { received_at: now })])
    expect((await traceOf('fresh')).complete).toBe(false)
  })

  test('of another tenant is not there', async () => {
    await store.insert('spans', [row('theirs', 1, 0, { tenant: 'other' })])
    const response = await fetch(`${api.url}/api/traces/${idOf('theirs')}`)
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: { code: 'NOT_FOUND' } })
  })

  test('is found by its id in upper case', async () => {
    const response = await fetch(`${api.url}/api/traces/${idOf('copies').toUpperCase()}`)
    expect(((await response.json()) as TraceAnswer).traceId).toBe(idOf('copies'))
  })

  test('of few spans with very much in them is put together from parts, and as well', async () => {
    await store.run(`INSERT INTO spans (tenant, received_at, trace_id, span_id, parent_span_id, service, start_ns, duration_ns, attributes_string)
      SELECT 'default', now64(9), 'heavy...........', number + 1, number, 'svc', ${start} - number, 5,
        map('n', toString(number), 'text', repeat('x', 1000000)) FROM numbers(40)`)
    const asked = store.asked.length
    const { spans, spanCount } = await traceOf('heavy')
    expect(store.asked.slice(asked).map(({ name }) => name)).toContain('trace_details')
    expect(spanCount).toBe(40)
    const numbers = spans.map(({ attributes }) => attributes.find(({ key }) => key === 'n')?.value.stringValue)
    expect(numbers).toEqual(Array.from({ length: 40 }, (_, index) => String(39 - index)))
  })

  test('of 100,000 spans is put together in seconds of CPU, in order of time', async () => {
    const count = 100_000
    await store.run(`INSERT INTO spans (tenant, received_at, trace_id, span_id, parent_span_id, service, name, kind, start_ns, duration_ns, attributes_string, resource_id)
      SELECT 'default', now64(9), 'large...........', number + 1, intDiv(number + 1, 2), concat('svc-', toString(number % 7)), 'op', 1,
        ${start} + number * 1000, 500000 - number, map('user', toString(number), 'text', repeat('x', 200)), 77 FROM numbers(${count})`)
    const cpu = process.cpuUsage()
    const response = await fetch(`${api.url}/api/traces/${idOf('large')}`)
    const answer = (await response.json()) as TraceAnswer
    // CPU, which does not depend on what else the machine does.
    expect(process.cpuUsage(cpu).user / 1e6).toBeLessThan(10)
    expect(answer.spanCount).toBe(count)
    expect(answer.spans.length).toBe(count)
    const starts = answer.spans.map(({ startTimeUnixNano }) => startTimeUnixNano)
    expect(starts).toEqual(starts.toSorted())
    expect(answer.resources.length).toBe(1)
    expect(answer.criticalPath.length).toBeGreaterThan(0)
  })
})

describe('a search in TraceQL', () => {
  const around = { start: String(start - 1_000n), end: String(start + 1_000_000n) }
  const ask = async (params: Record<string, string>, route = 'traces') => {
    const response = await fetch(`${api.url}/api/${route}?${new URLSearchParams({ ...around, ...params }).toString()}`)
    return { status: response.status, body: (await response.json()) as TracesAnswer & ErrorAnswer & HeatmapAnswer }
  }

  beforeAll(() =>
    store.insert('spans', [
      row('asked', 1, 0, { service: 'gate', kind: 2 }),
      row('asked', 2, 1, { service: 'depth', kind: 2, status: 2 }),
      row('other', 1, 0, { service: 'gate', kind: 2 }),
    ]),
  )

  test('of single spans, and of whole traces', async () => {
    const single = await ask({ q: '{ resource.service.name = "gate" }', count: 'true' })
    expect(single.body).toMatchObject({ total: 2, more: false, cut: false })
    const { body } = await ask({ q: '{ resource.service.name = "gate" } >> { status = error }', count: 'true' })
    expect(body.traces.map(({ traceId }) => traceId)).toEqual([idOf('asked')])
    expect(body.traces[0]).toMatchObject({ spanCount: 2, match: { spanId: '0200000000000000' } })
    expect(body).toMatchObject({ total: 1, more: false })
  })

  test('the heat map and the diagnosis take the same, of single spans', async () => {
    expect((await ask({ q: '{ resource.service.name = "gate" }' }, 'heatmap')).body.spans).toBe(2)
    const { status, body } = await ask({ q: '{ } > { status = error }', failed: 'true' }, 'diagnosis')
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ message: expect.stringMatching(/single spans/) as string, place: { start: 0 } })
  })

  test('that cannot be read says where; other filters do not go with it', async () => {
    const wrong = await ask({ q: '{ status = "error" }' })
    expect(wrong.status).toBe(400)
    expect(wrong.body.error).toMatchObject({ code: 'BAD_INPUT', place: { start: 11, end: 18 } })
    const beside = await ask({ q: '{ }', service: 'gate' })
    expect(beside.body.error.message).toMatch(/service does not go with it/)
  })
})
