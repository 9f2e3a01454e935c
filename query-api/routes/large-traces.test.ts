import { tableFromIPC, type Table } from '@uwdata/flechette'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { insertNightly, spanIdOf, traceIdOf } from '../questions/testing.ts'
import type { QueryApi } from '../server.ts'
import { openQueryApi, openQuestionStore, type QuestionStore } from '../testing.ts'
import type { ErrorAnswer, SkeletonHead, TraceAnswer, TraceDetailsAnswer, TraceMatchesAnswer } from '../types.ts'

// Traces that whoever accepts Arrow gets as such: the same as in JSON, but for what is asked for later.

const arrowStream = 'application/vnd.apache.arrow.stream'
const many = 21_000
let store: QuestionStore
let api: QueryApi & { url: string }

beforeAll(async () => {
  store = await openQuestionStore()
  api = await openQueryApi({ reader: store.reader })
  await insertNightly(store, 'nightly', many)
  await insertNightly(store, 'short', 3_000)
  // A copy of a span, received later; a span whose parent has not arrived; two that name each other.
  await store.run(`INSERT INTO spans (tenant, received_at, trace_id, span_id, parent_span_id, service, name, kind, start_ns, duration_ns)
    SELECT 'default', now64(9) - 50, 'nightly.........', id, parent, 'late', 'late', 1, 1795000000123456789 + 5, 10
    FROM values('id UInt64, parent UInt64', (7, 1), (1000001, 999999), (1000002, 1000003), (1000003, 1000002))`)
})
afterAll(async () => {
  await api.close(AbortSignal.timeout(5000))
  await store.close()
})

const get = (path: string, accept = 'application/json'): Promise<Response> =>
  fetch(`${api.url}/api/traces/${path}`, { headers: { accept } })

async function tableOf(path: string): Promise<{ table: Table; head: SkeletonHead }> {
  const response = await get(path, `application/json, ${arrowStream}`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe(arrowStream)
  expect(response.headers.get('vary')).toBe('accept')
  const table = tableFromIPC(await response.arrayBuffer(), { useBigInt: true })
  return { table, head: JSON.parse(table.schema.metadata?.get('weft.trace') ?? '') as SkeletonHead }
}

const hex = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('hex')

describe.each(['sent', 'corrected'] as const)('a large trace, times as %s', (clocks) => {
  test('is the same as columns as it is as JSON', async () => {
    const path = `${traceIdOf('nightly')}?clocks=${clocks}`
    const { table, head } = await tableOf(path)
    const answer = (await (await get(path)).json()) as TraceAnswer
    const { spans, roots, cycles, criticalPath, missingParents, resources: _, scopes: __, ...figures } = answer
    expect(head).toEqual({ ...figures, missingParents: missingParents.map(({ spanId }) => spanId) })
    expect(head).toMatchObject({ spanCount: many + 3, duplicatesRemoved: 1, clocks })
    expect(table.numRows).toBe(spans.length)
    const rows = table.toArray()
    const byId = new Map(rows.map((row) => [hex(row['span_id']), row]))
    const segments: object[] = []
    for (const span of spans) {
      const row = byId.get(span.spanId)!
      const flags = Number(row['flags'])
      const told = {
        service: row['service'],
        name: row['name'],
        kind: row['kind'],
        start: String(row['start_time_unix_nano']),
        duration: String(row['duration_nano']),
        self: String(row['self_time_nano']),
        skew: String(row['skew_nano']),
        shift: String(row['shift_nano'] ?? 0n),
        copies: row['copies'],
        error: (flags & 1) !== 0,
        invalid: (flags & 2) !== 0,
        cyclic: (flags & 4) !== 0,
      }
      const wanted = {
        service: span.service,
        name: span.name,
        kind: span.kind,
        start: String(BigInt(span.startTimeUnixNano) + BigInt(span.shiftNanos)),
        duration: span.durationNanos,
        self: span.selfTimeNanos,
        skew: span.skewNanos ?? '0',
        shift: span.shiftNanos,
        copies: span.copies,
        error: span.status.code === 2,
        invalid: span.invalidTimes,
        cyclic: cycles.includes(span.spanId),
      }
      // One comparison a span, and not twelve: there are many.
      if (JSON.stringify(told) !== JSON.stringify(wanted)) expect(told).toEqual(wanted)
      const parent = Number(row['parent'])
      const named = parent >= 0 ? hex(rows[parent]?.['span_id']) : parent < -1 ? head.missingParents[-2 - parent] : ''
      const isRoot = roots.includes(span.spanId) && !span.missingParent
      if (named !== (isRoot ? '' : span.parentSpanId)) expect([span.spanId, named]).toEqual([])
      const times = [...(row['critical_path'] as Iterable<bigint>)]
      for (let at = 0; at < times.length; at += 2) {
        const [startTimeUnixNano, endTimeUnixNano] = [String(times[at]), String(times[at + 1])]
        segments.push({ spanId: span.spanId, startTimeUnixNano, endTimeUnixNano })
      }
    }
    const inOrder = (of: readonly object[]) => of.map((one) => JSON.stringify(one)).sort()
    expect(inOrder(segments)).toEqual(inOrder(criticalPath))
  })
})

test('who does not accept Arrow gets JSON, and so does everybody of smaller traces', async () => {
  const small = await get(traceIdOf('short'), `application/json, ${arrowStream}`)
  expect(small.headers.get('content-type')).toContain('application/json')
  expect(((await small.json()) as TraceAnswer).spans).toHaveLength(3_000)
})

test.each([
  ['retry', (at: number) => at % 10 === 3],
  ['DIFFERS row=2', (at: number) => at % 251 === 250 && String(at).startsWith('2')],
])('%s is found in attributes, events and messages', async (typed, holds) => {
  const words = typed.split(' ').map((word) => `word=${encodeURIComponent(word)}`)
  const response = await get(`${traceIdOf('nightly')}/matches?${words.join('&')}`)
  const { spanIds } = (await response.json()) as TraceMatchesAnswer
  const expected = Array.from({ length: many }, (_, at) => at).filter(holds)
  expect(spanIds.toSorted()).toEqual(expected.map((at) => spanIdOf(at + 1)).toSorted())
  expect(expected.length).toBeGreaterThan(5)
})

describe('details of spans', () => {
  const detailsOf = async (...ids: string[]): Promise<Response> =>
    get(`${traceIdOf('nightly')}/details?${ids.map((id) => `span=${id}`).join('&')}`)

  test('are those of the whole answer, of copies the one that is kept, without what is not stored', async () => {
    const ids = [4, 7, 251, 1_000_001].map(spanIdOf)
    const response = await detailsOf(...ids, 'ffffffffffffffff')
    expect(response.status).toBe(200)
    const { spans, scopes } = (await response.json()) as TraceDetailsAnswer
    const answer = (await (await get(traceIdOf('nightly'))).json()) as TraceAnswer
    expect(spans.map(({ spanId }) => spanId).sort()).toEqual(ids.sort())
    for (const { resource, scope, ...span } of spans) {
      expect(answer.spans.find(({ spanId }) => spanId === span.spanId)).toMatchObject(span)
      expect(resource).toBe(-1)
      expect(scopes[scope]?.name).toBe(span.service === 'late' ? '' : 'reconcile')
    }
    expect(spans.find(({ spanId }) => spanId === spanIdOf(4))?.events).toMatchObject([{ name: 'retry' }])
    expect(spans.find(({ spanId }) => spanId === spanIdOf(251))?.status.message).toBe('row differs')
  })

  test.each([
    ['none', [], 'missing parameter: span'],
    ['no id', ['xyz'], 'span 0 must match pattern'],
    ['too many', Array.from({ length: 501 }, (_, id) => spanIdOf(id + 1)), 'must NOT have more than 500 items'],
  ])('are refused for %s', async (_, ids, message) => {
    const response = await detailsOf(...ids)
    expect(response.status).toBe(400)
    expect(((await response.json()) as ErrorAnswer).error.message).toContain(message)
  })
})

test('a trace for which the process has no memory is refused, in whatever form it is asked for', async () => {
  await insertNightly(store, 'gigantic', 150_100)
  const small = await openQueryApi({ reader: store.reader, memoryBytes: 200 * 2 ** 20 })
  try {
    const id = traceIdOf('gigantic')
    for (const [path, accept] of [
      [id, arrowStream],
      [id, 'application/json'],
      [`${id}/otlp`, 'application/json'],
      [`${id}/matches?q=${encodeURIComponent('{ } > { }')}`, 'application/json'],
    ] as const) {
      const response = await fetch(`${small.url}/api/traces/${path}`, { headers: { accept } })
      const { error } = (await response.json()) as ErrorAnswer
      expect([response.status, error.code, error.message]).toEqual([
        413,
        'TOO_LARGE',
        'the trace has more than 150000 spans, more than the memory of this process (--memory) has room for',
      ])
    }
    // What asks of single spans takes none.
    const few = await fetch(`${small.url}/api/traces/${id}/matches?q=${encodeURIComponent('{ status = error }')}`)
    expect(few.status).toBe(200)
  } finally {
    await small.close(AbortSignal.timeout(5000))
  }
  expect((await tableOf(traceIdOf('gigantic'))).table.numRows).toBe(150_100)
})
