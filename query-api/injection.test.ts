import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dataStart, insertResources, insertSpans, traceIdOf, type TestSpan } from './questions/testing.ts'
import type { QueryApi } from './server.ts'
import { openQuestionStore, openQueryApi, type QuestionStore } from './testing.ts'

let store: QuestionStore
let api: QueryApi & { url: string }
let canary: Server
let hits = 0
let corpus: string[] = []

beforeAll(async () => {
  canary = createServer((_, response) => {
    hits++
    response.end('1\n')
  })
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve))
  const { port } = canary.address() as AddressInfo
  corpus = [
    `'`,
    `"`,
    '`',
    `\\`,
    `\\'`,
    `')--`,
    `' OR 1=1 --`,
    `x'; DROP TABLE spans; --`,
    `;DROP TABLE spans`,
    `' UNION ALL SELECT name FROM system.tables --`,
    `{x:String}`,
    `{tenant:String}`,
    `{service:Identifier}`,
    '/*',
    `*/ SELECT 1 /*`,
    'a\0b',
    'a\nb\tc\rd',
    `' SETTINGS max_threads=1`,
    `' FORMAT JSON`,
    `' INTO OUTFILE '/tmp/weft-injected'`,
    `' AND url('http://127.0.0.1:${port}/','CSV','x String')`,
    `url('http://127.0.0.1:${port}/')`,
    `file('/etc/passwd')`,
    `' OR sleepEachRow(3) --`,
    `sleepEachRow(3)`,
    '(a+)+$',
    '%',
    '_',
    '\u2028\u202e',
    '𝕏',
    '__proto__',
    '1e9',
    '-1',
    'null',
    'NaN',
  ]
  store = await openQuestionStore()
  await insertSpans(store, corpus.map(literal))
  await insertResources(
    store,
    corpus.map((text, index) => ({ id: 1000 + index, service: text, attributes: { [`r${text}`]: text } })),
  )
  api = await openQueryApi({ reader: store.reader })
})
afterAll(async () => {
  await api.close(AbortSignal.timeout(5000))
  await store.close()
  canary.close()
})

/** A span that is called, and has an attribute that is called, just as an attacker would write it. */
const literal = (text: string, index: number): TestSpan => ({
  trace: `inject-${index}`,
  id: 1,
  parent: 0,
  service: text,
  name: text,
  kind: 2,
  start: dataStart + BigInt(index),
  duration: 1000n,
  invalid: false,
  status: 0,
  attributes: { [`k${text}`.replaceAll('=', '≠')]: { string: text } },
  resource: 1000 + index,
})

const window = `start=${dataStart}&end=${dataStart + 1_000_000n}`

async function ask(path: string): Promise<{ status: number; text: string; ms: number }> {
  const before = performance.now()
  const response = await fetch(api.url + path)
  return { status: response.status, text: await response.text(), ms: performance.now() - before }
}

const parametersOf = (named: Record<string, string>): string => new URLSearchParams(named).toString()

interface Description {
  paths: Record<string, { get?: { parameters?: { name: string; in: 'query' | 'path' }[] } }>
}

/** Without these the route refuses whatever else is asked. */
const needed: Readonly<Record<string, Record<string, string>>> = {
  '/api/attributes/values': { key: 'a' },
  '/api/diagnosis': { failed: 'true' },
  '/api/groups': { by: 'name' },
  '/api/compare': { a: '1'.repeat(32), b: '1'.repeat(32) },
  '/api/metrics': { q: '{ } | rate()' },
  '/api/traces/{traceId}/details': { span: '1'.repeat(16) },
  '/api/traces/{traceId}/matches': { q: '{ }' },
  '/tempo/api/metrics/query_range': { q: '{ } | rate()' },
  '/tempo/api/metrics/query': { q: '{ } | rate()' },
}
/** What TraceQL takes as text, to ask for it in every place where a text can stand. */
const asTraceql = (text: string): string[] => {
  const quoted = `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
  return [
    text,
    `{ .${quoted} = ${quoted} }`,
    `{ name = ${quoted} } | select(.${quoted}) | by(resource.${quoted}) | count() > 0`,
  ]
}

/** Every parameter of every route that the router knows, with a path that is otherwise right. */
async function everyParameter(): Promise<{ route: string; parameter: string; pathOf: (value: string) => string }[]> {
  const { paths } = JSON.parse((await ask('/api/openapi.json')).text) as Description
  const filters = new Set(paths['/api/traces']?.get?.parameters?.map(({ name }) => name))
  // These have the search's filter, which is one code: it is tried there.
  const sameFilter = ['/api/heatmap', '/api/diagnosis', '/api/spans', '/api/groups']
  const isTried = (route: string, name: string): boolean => sameFilter.includes(route) && filters.has(name)
  return Object.entries(paths).flatMap(([route, { get }]) =>
    (get?.parameters ?? [])
      .filter(({ name }) => !isTried(route, name))
      .map((parameter) => ({
        route,
        parameter: parameter.name,
        pathOf: (value: string) => {
          const filled = route.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
            name === parameter.name ? encodeURIComponent(value) : name === 'traceId' ? '1'.repeat(32) : 'a',
          )
          if (parameter.in === 'path') return filled
          const query = new URLSearchParams(needed[route] ?? {})
          query.set(parameter.name, value)
          return `${filled}?${query.toString()}`
        },
      })),
  )
}

const valuesOf = (parameter: string, text: string): string[] => {
  if (parameter === 'attribute') return [`${text}=${text}`, `a=${text}`, text]
  return parameter === 'q' ? asTraceql(text) : [text]
}

test('the routes are those that this test knows', async () => {
  const found = await everyParameter()
  expect(new Set(found.map(({ route }) => route))).toEqual(
    new Set([
      '/api/services',
      '/api/services/{name}',
      '/api/services/{name}/operations',
      '/api/services/{name}/statements',
      '/api/services/{name}/queues',
      '/api/services/{name}/hosts',
      '/api/services/{name}/critical',
      '/api/services/{name}/exceptions',
      '/api/services/{name}/instances',
      '/api/traces',
      '/api/traces/{traceId}',
      '/api/topology',
      '/api/topology/groups',
      '/api/chains',
      '/api/attributes',
      '/api/attributes/values',
      '/api/heatmap',
      '/api/diagnosis',
      '/api/compare',
      '/api/traces/{traceId}/details',
      '/api/traces/{traceId}/jaeger',
      '/api/traces/{traceId}/matches',
      '/api/traces/{traceId}/otlp',
      '/api/spans',
      '/api/groups',
      '/api/metrics',
      '/api/progress',
      '/tempo/api/search',
      '/tempo/api/search/tags',
      '/tempo/api/v2/search/tags',
      '/tempo/api/search/tag/{tag}/values',
      '/tempo/api/v2/search/tag/{tag}/values',
      '/tempo/api/metrics/query_range',
      '/tempo/api/metrics/query',
      '/tempo/api/traces/{traceId}',
      '/tempo/api/v2/traces/{traceId}',
    ]),
  )
  expect(found.length).toBeGreaterThan(60)
})

test('every parameter of every route takes the corpus as text or refuses it, at once and without a word of SQL', async () => {
  for (const { route, parameter, pathOf } of await everyParameter()) {
    for (const text of corpus) {
      for (const value of valuesOf(parameter, text)) {
        const path = pathOf(value)
        const { status, text: body, ms } = await ask(path)
        const where = `${route} ${parameter}=${JSON.stringify(value)}: ${status} ${body.slice(0, 200)}`
        expect([200, 400, 404], where).toContain(status)
        // Tempo's errors are plain text.
        if (status === 200 || !route.startsWith('/tempo'))
          expect(() => JSON.parse(body) as unknown, where).not.toThrow()
        expect(body.includes('DB::') || body.includes('root:') || /SELECT .* FROM spans/.test(body), where).toBe(false)
        expect(ms, where).toBeLessThan(3000) // what sleepEachRow(3) of the corpus would take, were it run
      }
    }
  }
  expect(hits).toBe(0)
  expect(Number((await store.rows('SELECT count() FROM spans'))[0]?.[0])).toBe(corpus.length)
})

describe('the corpus is found where it is what was sent', () => {
  test('as service, operation, attribute key and value, resource attribute', async () => {
    for (const [index, text] of corpus.entries()) {
      const key = `k${text}`.replaceAll('=', '≠')
      const searches: Record<string, string>[] = [
        { service: text },
        { operation: text },
        { attribute: `${key}=${text}` },
        { attribute: `span.${key}=${text}` },
        ...(text.includes('=') ? [] : [{ attribute: `resource.r${text}=${text}` }]),
      ]
      for (const search of searches) {
        const { text: body } = await ask(`/api/traces?${window}&${parametersOf(search)}`)
        const { traces } = JSON.parse(body) as { traces: { traceId: string; rootService: string; rootName: string }[] }
        expect(
          traces.map(({ traceId }) => traceId),
          JSON.stringify(search),
        ).toEqual([traceIdOf(`inject-${index}`)])
        expect(traces[0]).toMatchObject({ rootService: text, rootName: text })
      }
      const operations = await ask(`/api/services/${encodeURIComponent(text)}/operations?${window}`)
      expect(JSON.parse(operations.text)).toMatchObject({ service: text, operations: [{ name: text, requests: 1 }] })
      const values = await ask(`/api/attributes/values?${window}&${parametersOf({ key, prefix: text })}`)
      expect(JSON.parse(values.text)).toMatchObject({ values: [{ value: text, count: 1 }] })
    }
  })
})
