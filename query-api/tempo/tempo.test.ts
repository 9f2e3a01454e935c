import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dataLength, dataStart, eachOnce, openFilled, randomData, spanIdOf, traceIdOf } from '../questions/testing.ts'
import type { QueryApi } from '../server.ts'
import { openQueryApi, type QuestionStore } from '../testing.ts'
import { evaluate } from '../traceql/oracle.ts'
import { parse } from '../traceql/parse.ts'
import type { TempoMetrics } from './metrics.ts'
import type { TempoSearchAnswer } from './search.ts'

const { spans: random, resources } = randomData(21, 60)
const spans = eachOnce(random).map((span) => (span.parent > span.id ? { ...span, parent: span.parent + 1000 } : span))
let store: QuestionStore
let api: QueryApi & { url: string }

beforeAll(async () => {
  ;({ store } = await openFilled(spans, resources))
  api = await openQueryApi({ reader: store.reader })
})
afterAll(async () => {
  await api?.close(AbortSignal.timeout(5000))
  await store?.close()
})

const second = 1_000_000_000n
const [start, end] = [dataStart / second, (dataStart + dataLength) / second + 200n]

/** As Grafana's data source asks: its own parameters, and the time range in seconds. */
async function ask<T>(path: string, asked: Readonly<Record<string, string>> = {}, status = 200): Promise<T> {
  const query = new URLSearchParams({ ...asked, start: String(start), end: String(end) })
  const response = await fetch(`${api.url}/tempo${path}?${query.toString()}`, {
    headers: { accept: 'application/json' },
  })
  const text = await response.text()
  expect(response.status, `${path}: ${text.slice(0, 300)}`).toBe(status)
  return (status === 200 ? JSON.parse(text) : text) as T
}

test('is there, and says which of the versions it is', async () => {
  const echo = await fetch(`${api.url}/tempo/api/echo`)
  expect([echo.status, await echo.text()]).toEqual([200, 'echo'])
  expect(await ask('/api/status/buildinfo')).toHaveProperty('version', '2.9.0')
  expect(await (await fetch(`${api.url}/tempo/ready`)).text()).toBe('ready')
})

describe('search', () => {
  test.each([
    '{ }',
    '{ resource.service.name = "svc-1" && .tier != nil }',
    '{ status = error } | select(span.tier, kind, rootServiceName)',
    '{ kind = server } >> { status = error } | select(name)',
    '{ } | count() > 8',
  ])('%s', async (q) => {
    const { traces } = await ask<TempoSearchAnswer>('/api/search', { q, limit: '1000', spss: '4' })
    const expected = evaluate(parse(q).pipeline, spans, resources)
    expect(new Map(traces.map(({ traceID, spanSets }) => [traceID, spanSets[0]?.matched]))).toEqual(
      new Map([...expected].map(([trace, ids]) => [traceIdOf(trace), ids.length])),
    )
    for (const { traceID, spanSets, rootServiceName, serviceStats } of traces) {
      const own = spans.filter(({ trace }) => traceIdOf(trace) === traceID)
      const left = expected.get(own[0]?.trace ?? '') ?? []
      const told = spanSets.flatMap((set) => set.spans)
      expect(told).toHaveLength(Math.min(4, left.length))
      for (const { spanID, name, durationNanos, attributes } of told) {
        const span = own.find(({ id }) => spanIdOf(id) === spanID)
        expect(left).toContain(span?.id)
        expect([name, durationNanos]).toEqual([span?.name, String(span?.invalid ? 0 : span?.duration)])
        const value = (key: string): unknown => attributes.find((one) => one.key === key)?.value
        if (q.includes('kind,')) {
          expect(value('kind')).toEqual({
            stringValue: ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][span?.kind ?? 0],
          })
          expect(value('status')).toEqual({ stringValue: 'error' })
          const [type, sent] = Object.entries(span?.attributes['tier'] ?? {})[0] ?? []
          expect(value('span.tier')).toEqual(type === undefined ? undefined : { [`${type}Value`]: String(sent) })
        }
      }
      const root = own.filter(({ parent }) => parent === 0).sort((a, b) => (a.start < b.start ? -1 : 1))[0]
      if (root !== undefined) expect(rootServiceName).toBe(root.service)
      expect(Object.values(serviceStats).reduce((sum, { spanCount }) => sum + spanCount, 0)).toBe(own.length)
    }
  })

  test("the tree that Grafana's structure tab draws", async () => {
    const q =
      '{ nestedSetParent < 0 && true } &>> { kind = client } | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)'
    const { traces } = await ask<TempoSearchAnswer>('/api/search', { q, limit: '1000', spss: '20' })
    expect(traces.length).toBeGreaterThan(10)
    for (const { traceID, spanSets } of traces) {
      const own = spans.filter(({ trace }) => traceIdOf(trace) === traceID)
      const told = (spanSets[0]?.spans ?? []).map(({ spanID, attributes }) => {
        const number = (key: string) => Number(attributes.find((one) => one.key === key)?.value.intValue)
        return {
          id: own.find(({ id }) => spanIdOf(id) === spanID)?.id ?? 0,
          parent: number('nestedSetParent'),
          left: number('nestedSetLeft'),
          right: number('nestedSetRight'),
        }
      })
      expect(told.filter(({ parent }) => parent === -1).length).toBeGreaterThan(0)
      const above = (id: number): number[] => {
        const parent = own.find((span) => span.id === id)?.parent ?? 0
        return parent === 0 ? [] : [parent, ...above(parent)]
      }
      for (const a of told) {
        for (const b of told) expect(b.left > a.left && b.right < a.right).toBe(above(b.id).includes(a.id))
      }
    }
  })

  test('spansets that by() makes', async () => {
    const q = '{ status = error } | by(resource.service.name)'
    const { traces } = await ask<TempoSearchAnswer>('/api/search', { q, limit: '1000' })
    for (const { traceID, spanSets } of traces) {
      const failed = spans.filter(({ trace, status }) => traceIdOf(trace) === traceID && status === 2)
      const services = Map.groupBy(failed, ({ service }) => service)
      expect(new Map(spanSets.map(({ matched, attributes }) => [attributes?.[0]?.value.stringValue, matched]))).toEqual(
        new Map([...services].map(([service, of]) => [service, of.length])),
      )
      expect(spanSets[0]?.attributes?.[0]?.key).toBe('by(resource.service.name)')
    }
    expect(traces.length).toBeGreaterThan(10)
  })

  test('in the older way, by tags and the length of the trace', async () => {
    const ids = async (asked: Record<string, string>): Promise<string[]> =>
      (await ask<TempoSearchAnswer>('/api/search', { limit: '1000', ...asked })).traces
        .map(({ traceID }) => traceID)
        .sort()
    const having = (holds: (span: (typeof spans)[number]) => boolean): string[] =>
      [...new Set(spans.filter(holds).map(({ trace }) => traceIdOf(trace)))].sort()
    expect(await ids({ tags: 'service.name=SVC-2' })).toEqual(having(({ service }) => service === 'svc-2'))
    expect(await ids({ tags: 'service.name="vc-2" name=op-3 status.code=error' })).toEqual(
      having(({ service, name, status }) => service === 'svc-2' && name === 'op-3' && status === 2),
    )
    expect(await ids({ tags: 'user.id=7' })).toEqual(
      having(({ attributes }) => ['7'].includes(String(Object.values(attributes['user.id'] ?? {})[0]))),
    )
    expect(await ids({ tags: 'name=.p-3' })).toEqual([])
    const long = await ids({ minDuration: '1s' })
    expect(long.length).toBeGreaterThan(0)
    expect(await ids({ minDuration: '1s', maxDuration: '500ms' })).toEqual([])
    expect(await ask('/api/search', { tags: 'a=b c' }, 400)).toMatch(/key=value/)
  })

  test('what is wrong is told in plain text', async () => {
    expect(await ask('/api/search', { q: '{ .a = }' }, 400)).toBe('expected a field or a value, found "}"')
    expect(await ask('/api/search', { q: '{ } | rate()' }, 400)).toMatch(/figures over time/)
    expect(await ask('/api/search', { q: '{ }', limit: 'x' }, 400)).toMatch(/limit must be one integer/)
    expect(await ask('/api/metrics/query_range', {}, 400)).toMatch(/missing parameter: q/)
    expect(await ask('/api/traces/0', {}, 404)).toMatch(/no span of trace 0{32}/)
    expect(await ask('/api/v2/traces/xyz', {}, 400)).toMatch(/hex digits/)
  })
})

describe('tags', () => {
  test('names, by scope and without', async () => {
    const { scopes } = await ask<{ scopes: { name: string; tags: string[] }[] }>('/api/v2/search/tags', {
      limit: '5000',
    })
    const of = (name: string): string[] => scopes.find((scope) => scope.name === name)?.tags ?? []
    expect(new Set(of('span'))).toEqual(new Set(spans.flatMap(({ attributes }) => Object.keys(attributes))))
    expect(new Set(of('resource'))).toEqual(new Set(['host.name', 'tier']))
    expect(of('intrinsic')).toEqual(expect.arrayContaining(['duration', 'rootServiceName', 'status']))
    const span = await ask<{ scopes: object[] }>('/api/v2/search/tags', { scope: 'span' })
    expect(span.scopes).toHaveLength(1)
    const { tagNames } = await ask<{ tagNames: string[] }>('/api/search/tags')
    expect(tagNames).toEqual(expect.arrayContaining(['host.name', 'user.id']))
  })

  test.each([
    ['resource.service.name', ['svc-0', 'svc-1', 'svc-2', 'svc-3'], 'string'],
    ['.service.name', ['svc-0', 'svc-1', 'svc-2', 'svc-3'], 'string'],
    ['name', ['op-0', 'op-1', 'op-2', 'op-3', 'op-4'], 'string'],
    ['status', ['error', 'ok', 'unset'], 'keyword'],
    ['resource.host.name', ['h-0', 'h-1', 'h-2'], 'string'],
    ['rootServiceName', ['svc-0', 'svc-1', 'svc-2', 'svc-3'], 'string'],
  ])('values of %s', async (tag, values, type) => {
    // The tag is encoded twice where it goes through a proxy that decodes once.
    for (const path of [encodeURIComponent(tag), encodeURIComponent(encodeURIComponent(tag))]) {
      const { tagValues } = await ask<{ tagValues: { type: string; value: string }[] }>(
        `/api/v2/search/tag/${path}/values`,
      )
      expect(tagValues.map(({ value }) => value).sort()).toEqual(values)
      expect(new Set(tagValues.map((one) => one.type))).toEqual(new Set([type]))
    }
  })

  test('values with their types, of spans that match; half a query bounds nothing', async () => {
    const values = async (q: string): Promise<Set<string>> => {
      const { tagValues } = await ask<{ tagValues: { type: string; value: string }[] }>(
        '/api/v2/search/tag/span.user.id/values',
        { q },
      )
      return new Set(tagValues.map(({ type, value }) => `${type} ${value}`))
    }
    const sent = (of: typeof spans): Set<string> =>
      new Set(
        of.flatMap(({ attributes }) =>
          Object.entries(attributes['user.id'] ?? {}).map(
            ([type, value]) => `${{ double: 'float', other: 'string' }[type] ?? type} ${String(value)}`,
          ),
        ),
      )
    expect(await values('{ name = "op-1" && kind = client }')).toEqual(
      sent(spans.filter(({ name, kind }) => name === 'op-1' && kind === 3)),
    )
    expect(await values('{ name = "op-1" && kind = }')).toEqual(sent(spans))
    const { tagValues } = await ask<{ tagValues: string[] }>('/api/search/tag/service.name/values')
    expect(tagValues.sort()).toEqual(['svc-0', 'svc-1', 'svc-2', 'svc-3'])
  })
})

describe('metrics', () => {
  const q = '{ kind = server } | count_over_time() by (resource.service.name)'
  const served = spans.filter(({ kind }) => kind === 2)

  test('of a range, with the spans that stand out', async () => {
    const { series } = await ask<TempoMetrics>('/api/metrics/query_range', { q, step: '10m', exemplars: '3' })
    expect(
      new Map(
        series.map(({ labels, samples }) => [
          labels[0]?.value.stringValue,
          samples?.reduce((sum, { value }) => sum + value, 0),
        ]),
      ),
    ).toEqual(new Map([...Map.groupBy(served, ({ service }) => service)].map(([name, of]) => [name, of.length])))
    expect(series[0]?.labels[0]?.key).toBe('resource.service.name')
    expect(series[0]?.promLabels).toMatch(/^\{resource\.service\.name="svc-\d"\}$/)
    const times = series[0]?.samples?.map(({ timestampMs }) => Number(timestampMs)) ?? []
    expect(times.every((time) => time % 600_000 === 0)).toBe(true)
    const exemplars = series.flatMap((one) => one.exemplars ?? [])
    expect(exemplars).toHaveLength(3)
    expect(exemplars[0]?.labels[0]).toMatchObject({
      key: 'trace:id',
      value: { stringValue: expect.stringMatching(/^[0-9a-f]{32}$/) as string },
    })
  })

  test('of an instant', async () => {
    const { series } = await ask<TempoMetrics>('/api/metrics/query', { q: '{ } | quantile_over_time(duration, .5, 1)' })
    const measured = spans.filter(({ invalid }) => !invalid).map(({ duration }) => Number(duration) / 1e9)
    expect(new Map(series.map(({ labels, value }) => [labels[0]?.value.doubleValue, value]))).toEqual(
      new Map([
        [0.5, measured.sort((a, b) => a - b)[Math.floor(measured.length / 2)]],
        [1, Math.max(...measured)],
      ]),
    )
  })
})
