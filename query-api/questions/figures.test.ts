import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TimeWindow } from '../http/times.ts'
import type { QuestionStore } from '../testing.ts'
import { parseSearch } from '../traceql/parse.ts'
import { filterCondition, onlyFilter } from '../traceql/run.ts'
import { thatMatch } from '../traceql/spans.ts'
import type { RequestFigures } from '../types.ts'
import type { Asker } from './ask.ts'
import { operations } from './operations.ts'
import { services } from './services.ts'
import { dataLength, dataStart, openFilled, randomData, sampled, type TestSpan } from './testing.ts'
import { marginNanos } from '../../rollup/calls.ts'
import { topology } from './topology.ts'

// The truth is computed here in plain loops, from the words of the design, without SQL.

interface Span extends TestSpan {
  /** How many it stands for. */
  readonly weight: number
}

const { spans: sent, resources } = randomData(1, 400)
const datasets: readonly (readonly [string, readonly Span[]])[] = [
  ['kept whole', sent.map((span) => ({ ...span, weight: 1 }))],
  ['sampled', sampled(sent)],
]
const windows: readonly TimeWindow[] = [
  { start: dataStart, end: dataStart + dataLength + 3_600_000_000_000n },
  { start: dataStart + dataLength / 4n, end: dataStart + dataLength / 2n },
  { start: dataStart + 60_000_000_000n, end: dataStart + 61_000_000_000n },
]
const inside = ({ start }: TestSpan, window: TimeWindow): boolean => window.start <= start && start < window.end
const isRequest = ({ kind, parent }: TestSpan): boolean => kind === 2 || kind === 5 || (kind === 1 && parent === 0)

const byDuration = (a: Span, b: Span): number => (a.duration < b.duration ? -1 : a.duration > b.duration ? 1 : 0)
const sum = (of: readonly number[]): number => of.reduce((all, one) => all + one, 0)

/** Figures of calls, each told by the span that measured it. */
function figuresOf(measuredBy: readonly Span[], window: TimeWindow, isWeighed: boolean): RequestFigures {
  const sorted = measuredBy.filter(({ invalid }) => !invalid).toSorted(byDuration)
  const thousandths = (of: readonly Span[]): number => sum(of.map(({ weight }) => Math.round(1000 * weight)))
  const at = (level: number): string | null => {
    if (!isWeighed) return sorted[Math.floor(level * sorted.length)]?.duration.toString() ?? null
    const part = thousandths(sorted) * level
    return sorted.find((_, index) => thousandths(sorted.slice(0, index + 1)) > part)?.duration.toString() ?? null
  }
  const count = (of: readonly Span[]): number => sum(of.map(({ weight }) => weight))
  const requests = Math.round(count(measuredBy))
  return {
    requests,
    errors: Math.round(count(measuredBy.filter(({ status }) => status === 2))),
    rate: count(measuredBy) / (Number(window.end - window.start) / 1e9),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    ...(requests === measuredBy.length ? {} : { kept: measuredBy.length }),
  }
}

describe.each(datasets)('%s', (_, spans) => {
  let store: QuestionStore
  let asker: Asker
  beforeAll(async () => {
    ;({ store, asker } = await openFilled(spans, resources))
  })
  afterAll(() => store.close())

  describe.each(windows)('from $start to $end', (window) => {
    const seen = spans.filter((span) => inside(span, window))
    const isWeighed = seen.some(({ weight }) => weight > 1)

    test('services: requests, errors, rate and percentiles are exact', async () => {
      const { services: answered, more } = await services(asker, window)
      const expected = [...Map.groupBy(seen, ({ service }) => service)].map(([name, of]) => ({
        name,
        spans: of.length,
        ...figuresOf(of.filter(isRequest), window, isWeighed),
      }))
      expect(more).toBe(false)
      expect(new Set(answered)).toEqual(new Set(expected))
    })

    test('operations: every name of a service', async () => {
      for (const service of new Set(seen.map((span) => span.service))) {
        const { operations: answered } = await operations(asker, window, service)
        const mine = Map.groupBy(
          seen.filter((span) => span.service === service),
          ({ name }) => name,
        )
        const expected = [...mine].map(([name, of]) => ({
          name,
          spans: of.length,
          spanErrors: of.filter(({ status }) => status === 2).length,
          ...figuresOf(of.filter(isRequest), window, isWeighed),
        }))
        expect(new Set(answered)).toEqual(new Set(expected))
      }
    })

    test('topology: every edge and node', async () => {
      const answered = await topology(asker, window, undefined)
      const expected = topologyOf(spans, window)
      const edges = answered.edges.map(({ source, target, ...figures }) => [`${source} → ${target}`, figures] as const)
      expect(Object.fromEntries(edges)).toEqual(expected.edges)
      expect(Object.fromEntries(answered.nodes.map((node) => [node.id, node.requests]))).toEqual(expected.nodes)
      expect(answered.edges.length).toBe(Object.keys(expected.edges).length)
      expect(answered.edges.length).toBeGreaterThan(window === windows[2] ? -1 : 20)
    })

    test.each<[string, (span: TestSpan) => boolean]>([
      ['{ status = error }', ({ status }) => status === 2],
      [
        '{ resource.service.name = "svc-1" && kind = server }',
        ({ service, kind }) => service === 'svc-1' && kind === 2,
      ],
      [
        '{ .tier = "gold" }',
        ({ attributes, resource }) => {
          const sent = attributes['tier']
          const held = resources.find(({ id }) => id === resource)?.attributes['tier']
          return sent === undefined ? held === 'gold' : 'string' in sent && sent.string === 'gold'
        },
      ],
    ])('topology of the spans that match %s', async (query, matches) => {
      const filter = onlyFilter(parseSearch(query))
      const condition = filter && thatMatch(await filterCondition(asker, filter, window), window)
      const answered = await topology(asker, window, undefined, condition)
      expect(await topology(asker, window, undefined, condition, { mostRare: 0 })).toEqual(answered)
      const expected = topologyOf(spans, window, matches)
      const edges = answered.edges.map(({ source, target, ...figures }) => [`${source} → ${target}`, figures] as const)
      expect(Object.fromEntries(edges)).toEqual(expected.edges)
      expect(Object.fromEntries(answered.nodes.map((node) => [node.id, node.requests]))).toEqual(expected.nodes)
    })

    test('topology of one service: its edges, and the nodes at their ends', async () => {
      const all = await topology(asker, window, undefined)
      const one = await topology(asker, window, 'svc-1')
      const near = all.edges.filter(({ source, target }) => source === 'service:svc-1' || target === 'service:svc-1')
      expect(new Set(one.edges)).toEqual(new Set(near))
      const ids = new Set(['service:svc-1', ...near.flatMap(({ source, target }) => [source, target])])
      expect(one.nodes).toEqual(all.nodes.filter(({ id }) => ids.has(id)))
    })
  })
})

const text = (span: TestSpan, ...names: string[]): string => {
  for (const name of names) {
    const sent = span.attributes[name]
    if (sent !== undefined && 'string' in sent) return sent.string
  }
  return ''
}

/** The place without an agent that a client span names. */
function placeOf(span: TestSpan): string | undefined {
  const [system, namespace] = [text(span, 'db.system.name', 'db.system'), text(span, 'db.namespace', 'db.name')]
  const address = text(span, 'server.address', 'net.peer.name')
  if (system !== '')
    return `database:${system}/${[address, namespace].filter((part) => part !== '').join('/') || system}`
  const topic = topicOf(span)
  if (topic !== undefined) return topic
  if (text(span, 'messaging.system') !== '')
    return `queue:${text(span, 'messaging.system')}/${text(span, 'messaging.system')}`
  const host = text(span, 'peer.service') || address || urlHostOf(span)
  return host === '' ? undefined : `external:${host}`
}
/** The test data name one host by URLs, and a path that names none. */
function urlHostOf(span: TestSpan): string {
  const url = text(span, 'url.full', 'http.url', 'http.host')
  return span.kind === 3 && url.includes('pay.example') ? 'pay.example' : ''
}
function topicOf(span: TestSpan): string | undefined {
  const topic = text(span, 'messaging.destination.name')
  return topic === '' ? undefined : `queue:${text(span, 'messaging.system')}/${topic}`
}

const key = (span: TestSpan, id: number): string => `${span.trace}/${id}`

function topologyOf(
  spans: readonly Span[],
  window: TimeWindow,
  matches: (span: TestSpan) => boolean = () => true,
): { edges: Record<string, RequestFigures>; nodes: Record<string, number> } {
  const hit = (span: TestSpan | undefined): boolean => span !== undefined && inside(span, window) && matches(span)
  const wide = { start: window.start - marginNanos, end: window.end + marginNanos }
  const near = spans.filter((span) => inside(span, wide))
  const callees = near.filter(
    (span) => span.parent !== 0 && (span.kind === 2 || (span.kind === 5 && topicOf(span) === undefined)),
  )
  const below = Map.groupBy(callees, (span) => key(span, span.parent))
  const isWeighed = spans.some((span) => inside(span, window) && span.weight > 1)
  const calls: { edge: string; target: string; by: Span }[] = []
  const add = (source: string, target: string, by: Span): void => {
    calls.push({ edge: `${source} → ${target}`, target, by })
  }
  for (const caller of near) {
    const source = `service:${caller.service}`
    const served = below.get(key(caller, caller.id)) ?? []
    if (caller.kind === 3 || caller.kind === 4) {
      if (!inside(caller, window)) continue
      for (const callee of served) if (hit(caller) || hit(callee)) add(source, `service:${callee.service}`, caller)
      const place = placeOf(caller)
      if (served.length === 0 && place !== undefined && hit(caller)) add(source, place, caller)
    } else {
      for (const callee of served) {
        if (inside(callee, window) && callee.service !== caller.service && (hit(caller) || hit(callee)))
          add(source, `service:${callee.service}`, callee)
      }
    }
  }
  const consumed = spans.filter((span) => hit(span) && span.kind === 5 && topicOf(span) !== undefined)
  const edges = Map.groupBy(calls, ({ edge }) => edge)
  const nodes: Record<string, number> = {}
  for (const id of calls.flatMap(({ edge }) => edge.split(' → '))) nodes[id] = 0
  for (const span of spans.filter(hit)) {
    nodes[`service:${span.service}`] = (nodes[`service:${span.service}`] ?? 0) + (isRequest(span) ? span.weight : 0)
  }
  for (const { target, by } of calls)
    if (!target.startsWith('service:')) nodes[target] = (nodes[target] ?? 0) + by.weight
  for (const span of consumed) nodes[topicOf(span) ?? ''] ??= 0
  const edgeOf = (of: readonly Span[]): RequestFigures & { totalNanos: number } => ({
    ...figuresOf(of, window, isWeighed),
    totalNanos: sum(of.map(({ invalid, duration, weight }) => (invalid ? 0 : Number(duration) * weight))),
  })
  const byEdge = [...edges].map(([edge, of]) => [edge, edgeOf(of.map(({ by }) => by))] as const)
  const delivered = Map.groupBy(consumed, (span) => `${topicOf(span)} → service:${span.service}`)
  const byTopic = [...delivered].map(([edge, of]) => [edge, edgeOf(of)] as const)
  const rounded = Object.entries(nodes).map(([id, requests]) => [id, Math.round(requests)] as const)
  return { edges: Object.fromEntries([...byEdge, ...byTopic]), nodes: Object.fromEntries(rounded) }
}
