import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dataStart, openFilled, spanIdOf, traceIdOf, type TestSpan } from '../questions/testing.ts'
import type { QueryApi } from '../server.ts'
import { openQueryApi, type QuestionStore } from '../testing.ts'
import { anySpans, span } from '../trace/testing.ts'
import type { CompareAnswer } from '../types.ts'
import { compared } from './compare.ts'
import { contextsOf, meanOf } from './paths.ts'

describe('two traces as one tree', () => {
  const a = contextsOf([
    span('1', '', 0, 100, { name: 'GET' }),
    span('2', '1', 10, 30, { name: 'query' }),
    span('3', '1', 40, 90, { name: 'query', error: true }),
    span('4', '3', 50, 60, { name: 'only a' }),
  ])
  const b = contextsOf([
    span('7', '', 1000, 1040, { name: 'GET' }),
    span('8', '7', 1001, 1011, { name: 'query' }),
    span('9', '7', 1020, 1030, { name: 'only b', service: 't' }),
  ])

  test('what was called alike is one, what only one has is told', () => {
    const { paths, cut } = compared(a.roots, b.roots)
    expect(cut).toBe(false)
    expect(paths).toEqual([
      {
        depth: 0,
        service: 's',
        name: 'GET',
        kind: 1,
        a: { calls: 1, errors: 0, totalNanos: 100, selfNanos: 30, spanId: '1' },
        b: { calls: 1, errors: 0, totalNanos: 40, selfNanos: 20, spanId: '7' },
      },
      {
        depth: 1,
        service: 's',
        name: 'query',
        kind: 1,
        a: { calls: 2, errors: 1, totalNanos: 70, selfNanos: 60, spanId: '3' },
        b: { calls: 1, errors: 0, totalNanos: 10, selfNanos: 10, spanId: '8' },
      },
      {
        depth: 2,
        service: 's',
        name: 'only a',
        kind: 1,
        a: { calls: 1, errors: 0, totalNanos: 10, selfNanos: 10, spanId: '4' },
        b: null,
      },
      {
        depth: 1,
        service: 't',
        name: 'only b',
        kind: 1,
        a: null,
        b: { calls: 1, errors: 0, totalNanos: 10, selfNanos: 10, spanId: '9' },
      },
    ])
  })

  test('a mean adds up to what its traces have', () => {
    const { paths } = compared(meanOf([a, b]), a.roots)
    expect(paths.map(({ name, a: mean }) => [name, mean?.calls, mean?.totalNanos])).toEqual([
      ['GET', 1, 70],
      ['query', 1.5, 40],
      ['only a', 0.5, 5],
      ['only b', 0.5, 5],
    ])
  })

  test('of any two traces every span is in one path, and the sums are those of the spans', () => {
    fc.assert(
      fc.property(anySpans, anySpans, (one, other) => {
        const [left, right] = [contextsOf(one), contextsOf(other)]
        const { paths } = compared(left.roots, right.roots)
        for (const [trace, side] of [
          [one, 'a'],
          [other, 'b'],
        ] as const) {
          const ids = new Set(trace.map(({ spanId }) => spanId))
          expect(paths.reduce((sum, path) => sum + (path[side]?.calls ?? 0), 0)).toBe(ids.size)
        }
        expect(new Set(paths.filter((path) => path.a === null && path.b === null))).toEqual(new Set())
        expect(
          compared(left.roots, left.roots).paths.every((path) => JSON.stringify(path.a) === JSON.stringify(path.b)),
        ).toBe(true)
      }),
    )
  })

  test('chains and fans of 100,000 spans are compared, and cut to what takes most time', () => {
    const chain = contextsOf(
      Array.from({ length: 100_000 }, (_, i) => span(`${i}`, i === 0 ? '' : `${i - 1}`, i, 200_000 - i)),
    )
    const fan = contextsOf(
      Array.from({ length: 100_000 }, (_, i) =>
        span(`${i}`, i === 0 ? '' : '0', i, i === 0 ? 200_000 : i + 1, { name: i === 0 ? '0' : 'leaf' }),
      ),
    )
    const { paths, cut } = compared(chain.roots, fan.roots)
    expect(cut).toBe(true)
    expect(paths).toHaveLength(10_000)
    expect(paths[0]).toMatchObject({ name: '0', depth: 0, a: { totalNanos: 200_000 }, b: { calls: 1 } })
    expect(compared(fan.roots, fan.roots).paths.map(({ b }) => b?.calls)).toEqual([1, 99_999])
  })
})

describe('GET /api/compare', () => {
  const made = (trace: string, id: number, parent: number, at: number, ms: number, name: string): TestSpan => ({
    trace,
    id,
    parent,
    service: 'shop',
    name,
    kind: 2,
    start: dataStart + BigInt(at) * 1_000_000_000n,
    duration: BigInt(ms) * 1_000_000n,
    invalid: false,
    status: 0,
    attributes: {},
    resource: 1,
  })
  const spans = [
    made('slow', 1, 0, 100, 900, 'GET'),
    made('slow', 2, 1, 100, 800, 'query'),
    ...Array.from({ length: 6 }, (_, i) => [
      made(`usual-${i}`, 1, 0, i, 100 + i, 'GET'),
      made(`usual-${i}`, 2, 1, i, 20, 'query'),
    ]).flat(),
    made('other', 1, 0, 3, 5, 'POST'),
  ]
  let store: QuestionStore
  let api: QueryApi & { url: string }
  beforeAll(async () => {
    ;({ store } = await openFilled(spans, [{ id: 1, service: 'shop', attributes: {} }]))
    api = await openQueryApi({ reader: store.reader })
  })
  afterAll(async () => {
    await api?.close(AbortSignal.timeout(5000))
    await store?.close()
  })
  const ask = async (a: string, b: string): Promise<[number, CompareAnswer]> => {
    const response = await fetch(`${api.url}/api/compare?a=${a}&b=${b}`)
    return [response.status, (await response.json()) as CompareAnswer]
  }

  test('two traces', async () => {
    const [status, { a, b, paths }] = await ask(traceIdOf('slow'), traceIdOf('usual-0').toUpperCase())
    expect(status).toBe(200)
    expect([a.durationNanos, b.durationNanos, b.traceId]).toEqual([900e6, 100e6, traceIdOf('usual-0')])
    expect(paths[1]).toMatchObject({
      name: 'query',
      a: { totalNanos: 800e6, spanId: spanIdOf(2) },
      b: { totalNanos: 20e6 },
    })
  })

  test('against the typical one of its operation', async () => {
    const [, { b, paths }] = await ask(traceIdOf('slow'), 'typical')
    expect(b).toMatchObject({ traceId: null, traces: 6, durationNanos: 102.5e6, spans: 2, rootName: 'GET' })
    expect(paths[1]?.b).toMatchObject({ calls: 1, totalNanos: 20e6 })
  })

  test('what is not there, or alone, is told', async () => {
    expect(await ask(traceIdOf('nothing'), 'typical')).toMatchObject([
      404,
      { error: { message: expect.stringMatching(/no span of trace/) as string } },
    ])
    expect(await ask(traceIdOf('other'), 'typical')).toMatchObject([
      404,
      { error: { message: expect.stringMatching(/no other trace/) as string } },
    ])
    expect((await ask('xyz', 'typical'))[0]).toBe(400)
  })
})
