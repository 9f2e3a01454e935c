import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gateway, sidecars, spawning, type Told } from '../questions/proxies-for-test.ts'
import type { TraceProxies } from './proxies.ts'
import { rebuild, type Asked } from './rebuild.ts'
import type { SkeletonSpan } from './skeleton.ts'
import { anySpans, span } from './testing.ts'

const proxies: TraceProxies = { scopes: new Set([1]), told: new Map() }

/** Each span lies 10 within its parent; ids as in `Told`. */
function spansOf(told: readonly Told[], more: Partial<SkeletonSpan> = {}): SkeletonSpan[] {
  const depths = new Map<number, number>()
  return told.map(([id, parent, sender, kind, name]) => {
    const depth = (depths.get(parent) ?? -1) + 1
    depths.set(id, depth)
    return span(String(id), parent === 0 ? '' : String(parent), 1000 + 10 * depth, 2000 - 10 * depth, {
      name,
      service: sender.replace('*', ''),
      kind: kind === 'server' ? 2 : 3,
      scope: sender.endsWith('*') ? 1 : 0,
      ...more,
    })
  })
}

const foldedIn = (spans: SkeletonSpan[], known: TraceProxies = proxies, asked: Asked = { proxies: 'folded' }) =>
  rebuild('t', spans, 0n, asked, known)

/** Which span is folded into which. */
const into = ({ spans }: ReturnType<typeof rebuild>): Record<string, string> =>
  Object.fromEntries(
    [...spans.values()].flatMap(({ span: { spanId }, foldedInto }) =>
      foldedInto === '' ? [] : [[spanId, foldedInto]],
    ),
  )
const idsOf = ({ spans }: ReturnType<typeof rebuild>): Set<string> =>
  new Set([...spans.values()].map(({ span: { spanId } }) => spanId))

describe.each([
  ['under the name of their service', sidecars('shop', 'stock'), { 3: '4', 6: '5' }, 40n],
  ['under another name', sidecars('shop.default', 'stock.default'), { 3: '4', 6: '5' }, 40n],
  ['that make a span each way and one upstream', spawning('shop', 'stock'), { 3: '5', 4: '5', 7: '6', 8: '6' }, 60n],
] as const)('sidecars %s', (_, told, expected, around) => {
  test("are folded into the application's spans, and what is left is one tree", () => {
    const trace = foldedIn(spansOf(told))
    expect(into(trace)).toEqual(expected)
    expect(trace.head).toMatchObject({
      proxies: 'folded',
      proxySpans: Object.keys(expected).length,
      spanCount: told.length,
      roots: ['1'],
      missingParents: [],
    })
    const shop = trace.head.services.find(({ name }) => name === 'shop')
    expect(shop?.spans).toBe(2)
    const path = trace.head.criticalPath.map(({ spanId }) => spanId)
    expect(path.filter((id) => id in expected)).toEqual([])
    expect(new Set(path)).toEqual(new Set(told.map(([id]) => String(id)).filter((id) => !(id in expected))))
    // The time that a proxy takes is that of the call to it, and its own besides.
    expect(trace.spans.get('2')?.selfTime).toBe(around)
    expect(trace.spans.get('3')?.selfTime).toBe(20n)
  })

  test('are shown as sent to who wants that, with how many would be folded', () => {
    const trace = foldedIn(spansOf(told), proxies, { proxies: 'shown' })
    expect(into(trace)).toEqual({})
    expect(trace.head).toMatchObject({ proxies: 'shown', proxySpans: Object.keys(expected).length })
    const plain = rebuild('t', spansOf(told), 0n)
    expect({ ...trace.head, proxySpans: 0, clockSkews: [] }).toEqual(plain.head)
    expect([...trace.spans.values()]).toEqual([...plain.spans.values()])
  })
})

test('a trace that begins at a sidecar begins at its application', () => {
  const [, , first, ...rest] = spansOf(sidecars('shop', 'stock'))
  const root = { ...first!, parentSpanId: '' }
  expect(foldedIn([root, ...rest]).head).toMatchObject({ roots: ['4'], missingParents: [] })
  const { spans, head } = foldedIn([first!, ...rest])
  expect(head.missingParents).toEqual([{ spanId: '2', children: ['4'] }])
  expect(spans.get('4')?.missingParent).toBe(true)
})

test('what else a proxy did for a request hangs on the application that it is folded into', () => {
  const told: Told[] = [...sidecars('shop', 'stock'), [8, 3, 'shop*', 'client', 'authorize']]
  const { head, spans } = foldedIn(spansOf(told))
  expect(head.roots).toEqual(['1'])
  expect(spans.get('8')?.foldedInto).toBe('')
})

test('a gateway is not folded, nor one of which it is not known whose it is', () => {
  expect(into(foldedIn(spansOf(gateway)))).toEqual({})
  const inbound = sidecars('shop.default', 'stock').slice(0, 4)
  expect(into(foldedIn(spansOf(inbound)))).toEqual({})
  const told = (...says: string[]) => ({ ...proxies, told: new Map([['shop.default', new Set(says)]]) })
  expect(into(foldedIn(spansOf(inbound), told('shop')))).toEqual({ 3: '4' })
  expect(into(foldedIn(spansOf(inbound), told('*')))).toEqual({ 3: '4' })
  expect(into(foldedIn(spansOf(inbound), told('till')))).toEqual({})
})

test("a proxy's span that stands for two of the application's is folded into none", () => {
  const twice: Told[] = [
    [1, 0, 'shop*', 'server', 'ingress'],
    [2, 1, 'shop', 'server', 'GET'],
    [3, 1, 'shop', 'server', 'GET'],
    [4, 3, 'shop', 'client', 'GET stock'],
    [5, 4, 'shop*', 'client', 'egress stock'],
    [6, 4, 'shop*', 'client', 'egress stock'],
  ]
  expect(into(foldedIn(spansOf(twice)))).toEqual({})
})

test('between a proxy and its application clocks do not differ', () => {
  const told = sidecars('shop.default', 'stock.default')
  // The SDK knows times to the millisecond only: its span begins before its proxy's.
  const early = spansOf(told).map((one) => (one.spanId === '4' ? { ...one, start: 900n } : one))
  expect(rebuild('t', early, 0n).head.clockSkews).toHaveLength(1)
  for (const asked of ['folded', 'shown'] as const)
    expect(foldedIn(early, proxies, { proxies: asked, clocks: 'corrected' }).head).toMatchObject({
      clockSkews: [],
      clocks: 'sent',
    })
})

test('of any trace every span is told, and the rest is a forest', () => {
  fc.assert(
    fc.property(anySpans, fc.array(fc.boolean(), { minLength: 26, maxLength: 26 }), (any, byProxy) => {
      const spans = any.map((one) => ({ ...one, scope: byProxy[Number(one.spanId)] ? 1 : 0 }))
      const shown = rebuild('t', structuredClone(spans), 0n, {}, proxies)
      const folded = foldedIn(structuredClone(spans), proxies, { proxies: 'folded', clocks: 'corrected' })
      expect(idsOf(folded)).toEqual(idsOf(shown))
      expect(Object.keys(into(folded))).toHaveLength(folded.head.proxies === 'folded' ? folded.head.proxySpans : 0)
      for (const [id, app] of Object.entries(into(folded))) {
        expect(spans.find(({ spanId }) => spanId === id)?.scope).toBe(1)
        expect(spans.find(({ spanId }) => spanId === app)?.scope).toBe(0)
      }
      const services = folded.head.services.reduce((sum, { spans: many }) => sum + many, 0)
      expect(services + Object.keys(into(folded)).length).toBe(folded.head.spanCount)
    }),
  )
})
