import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { messageObject } from '../../otlp/objects.ts'
import { exportTraceServiceRequest } from '../../otlp/schema.ts'
import { capturedTraces } from '../../test/captured.ts'
import type { QueryApi } from '../server.ts'
import { openQueryApi, openQuestionStore, type QuestionStore } from '../testing.ts'
import { rebuild } from '../trace/rebuild.ts'
import { otlpJson } from '../trace/otlp.ts'
import type { ErrorAnswer, FileAnswer, TraceAnswer } from '../types.ts'
import { jaegerJson } from './jaeger.ts'
import { readTraceFile, type TraceFile } from './read-file.ts'

const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

const captured = capturedTraces().map(({ name, body, contentType }) => ({
  name,
  file: contentType.includes('json') ? body : text(messageObject(exportTraceServiceRequest, body)),
}))

const partsOf = ({ traces, resources, scopes }: TraceFile) =>
  traces.map(({ traceId, rows, details }) => ({
    rebuilt: rebuild(traceId, structuredClone(rows), 0n),
    resources,
    scopes,
    details: [details],
  }))

async function joined(pieces: AsyncIterable<string>): Promise<string> {
  let all = ''
  for await (const piece of pieces) all += piece
  return all
}

/** What a span is, in both forms. */
const spanOf = (json: string) => JSON.parse(`{${json}}`) as TraceAnswer['spans'][number]
/** Micros are all that Jaeger has. */
const micros = (nanos: string): string => String((BigInt(nanos) / 1000n) * 1000n)

test('what real clients sent is read from a file, and from the file that Weft writes of it', async () => {
  for (const { name, file } of captured) {
    const read = await readTraceFile(file)
    for (const [index, parts] of partsOf(read).entries()) {
      const again = await readTraceFile(Buffer.from(await joined(otlpJson(parts))))
      const [one] = again.traces
      const first = read.traces[index]
      const ids = new Set(first?.details.map(({ spanId }) => spanId))
      expect([name, again.traces.length, one?.details.length]).toEqual([name, 1, ids.size])
      for (const { spanId, json } of one?.details ?? []) {
        expect(spanOf(json)).toEqual(spanOf(first?.details.find((other) => other.spanId === spanId)?.json ?? ''))
      }
      expect(one?.rows.map(({ service }) => service).toSorted()).toEqual(
        [...parts.rebuilt.spans.values()].map(({ span }) => span.service).toSorted(),
      )
    }
  }
})

test('what real clients sent goes through the JSON of Jaeger, and comes back but for parts of microseconds', async () => {
  for (const { file } of captured) {
    const read = await readTraceFile(file)
    for (const [index, parts] of partsOf(read).entries()) {
      const back = await readTraceFile(Buffer.from(await joined(jaegerJson(parts))))
      for (const { spanId, json } of back.traces[0]?.details ?? []) {
        const [now, before] = [
          spanOf(json),
          spanOf(read.traces[index]?.details.find((one) => one.spanId === spanId)?.json ?? ''),
        ]
        expect(now).toMatchObject({
          traceId: before.traceId,
          parentSpanId: before.parentSpanId,
          name: before.name,
          kind: before.kind,
          traceState: before.traceState,
          startTimeUnixNano: micros(before.startTimeUnixNano),
        })
        expect(now.status.code).toBe(before.status.code)
        expect(now.events.map((event) => [event.name, event.timeUnixNano])).toEqual(
          before.events.map((event) => [event.name, micros(event.timeUnixNano)]),
        )
        expect(now.links.map((link) => [link.traceId, link.spanId])).toEqual(
          before.links.map((link) => [link.traceId, link.spanId]),
        )
        const scalar = before.attributes.filter(
          ({ value }) => !('arrayValue' in value) && !('kvlistValue' in value) && Object.keys(value).length > 0,
        )
        for (const { key, value } of scalar) {
          const held = now.attributes.find((one) => one.key === key)?.value
          // A whole number that was sent as a double is one of type float64.
          expect([key, held]).toEqual([key, value])
        }
      }
      const services = (of: TraceFile) => new Set(of.traces[0]?.rows.map(({ service }) => service))
      expect(services(back)).toEqual(new Set([...parts.rebuilt.spans.values()].map(({ span }) => span.service)))
    }
  }
})

/** As `GET /api/traces/{id}` of Jaeger answers; ids of 64 bits. */
const jaeger = {
  data: [
    {
      traceID: '5b8aa5a2d2c872e8',
      spans: [
        {
          traceID: '5b8aa5a2d2c872e8',
          spanID: 'a1',
          flags: 1,
          operationName: 'GET /',
          references: [],
          startTime: 1_700_000_000_000_001,
          duration: 2_500,
          tags: [
            { key: 'span.kind', type: 'string', value: 'server' },
            { key: 'http.status_code', type: 'int64', value: 500 },
            { key: 'error', type: 'bool', value: true },
            { key: 'ratio', type: 'float64', value: 1 },
            { key: 'blob', type: 'binary', value: 'AAEC' },
            { key: 'wide', type: 'int64', value: 'WIDE' },
          ],
          logs: [
            {
              timestamp: 1_700_000_000_000_100,
              fields: [
                { key: 'event', type: 'string', value: 'retry' },
                { key: 'attempt', type: 'int64', value: 2 },
              ],
            },
          ],
          processID: 'p1',
          warnings: null,
        },
        {
          traceID: '5b8aa5a2d2c872e8',
          spanID: 'b2',
          operationName: 'consume',
          references: [
            { refType: 'FOLLOWS_FROM', traceID: 'ffff', spanID: 'c3' },
            { refType: 'CHILD_OF', traceID: '5b8aa5a2d2c872e8', spanID: 'a1' },
          ],
          startTime: 1_700_000_000_001_000,
          duration: 0,
          tags: [],
          logs: [],
          processID: 'p2',
        },
      ],
      processes: {
        p1: { serviceName: 'front', tags: [{ key: 'host.name', type: 'string', value: 'a' }] },
        p2: { serviceName: 'worker' },
      },
    },
  ],
}

test('a trace of Jaeger is read in the words of OTLP', async () => {
  const file = JSON.stringify(jaeger).replace('"WIDE"', '9007199254740993')
  const { traces, resources } = await readTraceFile(Buffer.from(file))
  expect(traces.map(({ traceId }) => traceId)).toEqual(['00000000000000005b8aa5a2d2c872e8'])
  const [front, worker] = (traces[0]?.details ?? []).map(({ json }) => spanOf(json))
  expect(front).toMatchObject({
    spanId: '00000000000000a1',
    parentSpanId: '',
    kind: 2,
    startTimeUnixNano: '1700000000000001000',
    endTimeUnixNano: '1700000000002501000',
    status: { code: 2, message: '' },
    events: [
      {
        name: 'retry',
        timeUnixNano: '1700000000000100000',
        attributes: [{ key: 'attempt', value: { intValue: '2' } }],
      },
    ],
  })
  expect(Object.fromEntries((front?.attributes ?? []).map(({ key, value }) => [key, value]))).toMatchObject({
    'http.status_code': { intValue: '500' },
    ratio: { doubleValue: 1 },
    blob: { bytesValue: 'AAEC' },
    wide: { intValue: '9007199254740993' },
  })
  expect(worker).toMatchObject({
    parentSpanId: '00000000000000a1',
    links: [{ traceId: `${'0'.repeat(28)}ffff`, spanId: '00000000000000c3' }],
  })
  expect(traces[0]?.rows.map(({ service }) => service)).toEqual(['front', 'worker'])
  expect([...resources.values()].map(({ attributes }) => attributes).join('')).toContain('host.name')
  // One trace alone, as some tools cut it out.
  expect((await readTraceFile(text(jaeger.data[0]))).traces).toHaveLength(1)
})

test('a line for each request, as the file exporter of the Collector writes them', async () => {
  const lines = captured.slice(0, 3).map(({ file }) => JSON.stringify(JSON.parse(file.toString())))
  const spans = (file: TraceFile): number => file.traces.reduce((sum, { rows }) => sum + rows.length, 0)
  let each = 0
  for (const line of lines) each += spans(await readTraceFile(Buffer.from(line)))
  expect(spans(await readTraceFile(Buffer.from(`${lines.join('\n')}\n\n`)))).toBe(each)
  await expect(readTraceFile(Buffer.from(`${lines[0]}\n{"resourceSpans":7}\n`))).rejects.toThrow(/^line 2: /)
})

test.each([
  ['nothing', '', /no JSON object/],
  ['something else', '[1]', /no JSON object/],
  ['no span', '{}', /no span in it/],
  ['broken JSON', '{"resourceSpans":[', /at byte|ends/],
  ['broken JSON of Jaeger', '{"data":[', /JSON/],
  ['a span of Jaeger without an id', '{"data":[{"spans":[{}]}]}', /data\[0\]\.spans\[0\]\.traceID is no text/],
  [
    'a time of Jaeger that is none',
    '{"data":[{"spans":[{"traceID":"a","spanID":"b","operationName":"x","startTime":"now","duration":1}]}]}',
    /spans\[0\]\.startTime is no number of microseconds/,
  ],
  ['tags of Jaeger that are none', '{"data":[{"spans":[{"traceID":"a","startTime":1,"tags":{}}]}]}', /tags is no list/],
])('%s is refused, and why is said', async (_, content, why) => {
  await expect(readTraceFile(Buffer.from(content))).rejects.toThrow(why)
})

describe('over HTTP', () => {
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
  const post = (body: Buffer | string, query = '', type = 'application/json') =>
    fetch(`${api.url}/api/file${query}`, { method: 'POST', headers: { 'content-type': type }, body })

  test('its traces are put together, and none of it is stored', async () => {
    const response = await post(text(jaeger))
    expect(response.status).toBe(200)
    const { traces, more, rejectedSpans } = (await response.json()) as FileAnswer
    expect([more, rejectedSpans, traces.length]).toEqual([false, 0, 1])
    expect(traces[0]).toMatchObject({ spanCount: 2, errorCount: 1, complete: true, missingParents: [] })
    expect(traces[0]?.spans.map(({ name, service }) => [name, service])).toEqual([
      ['GET /', 'front'],
      ['consume', 'worker'],
    ])
    expect(traces[0]?.resources[traces[0].spans[0]?.resource ?? -1]?.attributes).toContainEqual({
      key: 'host.name',
      value: { stringValue: 'a' },
    })
    expect((await fetch(`${api.url}/api/traces/${traces[0]?.traceId}`)).status).toBe(404)
  })

  test('clocks are corrected for who asks', async () => {
    const { traces } = (await (await post(text(jaeger), '?clocks=corrected')).json()) as FileAnswer
    expect(traces[0]?.clocks).toBe('sent')
    expect((await post(text(jaeger), '?clocks=wrong')).status).toBe(400)
  })

  test('spans whose ids are none are left out and counted', async () => {
    const spans = [
      { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name: 'fine' },
      { traceId: 'a', spanId: 'b', name: 'bad' },
    ]
    const answer = await post(text({ resourceSpans: [{ scopeSpans: [{ spans }] }] }))
    expect(await answer.json()).toMatchObject({ rejectedSpans: 1, traces: [{ spanCount: 1 }] })
  })

  test('errors come in the form of the API', async () => {
    const broken = await post('{"data":[{"spans":[{}]}]}')
    expect(broken.status).toBe(400)
    expect(((await broken.json()) as ErrorAnswer).error).toMatchObject({ code: 'BAD_INPUT' })
    // A form of another page may send this type unasked.
    expect((await post('{}', '', 'text/plain')).status).toBe(415)
    expect((await post(Buffer.alloc(65 * 2 ** 20, 0x20))).status).toBe(413)
    expect((await fetch(`${api.url}/api/file`)).status).toBe(404)
    expect((await fetch(`${api.url}/api/services`, { method: 'POST' })).status).toBe(405)
  })

  test('a stored trace is downloaded in the JSON of Jaeger', async () => {
    await store.insert('spans', [
      {
        tenant: 'default',
        received_at: '2024-01-01 00:00:00.000000001',
        trace_id: 'jaeger'.padEnd(16, '.'),
        span_id: '1',
        parent_span_id: '0',
        service: 'shop',
        name: 'op',
        kind: 2,
        start_ns: '1700000000123456789',
        duration_ns: '1000',
        attributes_int: { big: '9007199254740993' },
      },
    ])
    const traceId = Buffer.from('jaeger'.padEnd(16, '.')).toString('hex')
    const response = await fetch(`${api.url}/api/traces/${traceId}/jaeger`)
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="trace-${traceId}.jaeger.json"`)
    const body = await response.text()
    expect(body).toContain('"value":9007199254740993')
    expect(JSON.parse(body)).toMatchObject({
      data: [
        {
          traceID: traceId,
          spans: [{ operationName: 'op', startTime: 1_700_000_000_123_456, duration: 1, processID: 'p1' }],
          processes: { p1: { serviceName: 'shop' } },
        },
      ],
    })
  })
})
