import { afterAll, beforeAll, expect, test } from 'vitest'
import { findNodes, wordsOf } from '../../ui/src/trace/find.ts'
import { buildModel } from '../../ui/src/trace/model.ts'
import { openQueryApi, type QuestionStore } from '../testing.ts'
import type { TraceAnswer, TraceMatchesAnswer } from '../types.ts'
import type { QueryApi } from '../server.ts'
import { openFilled, randomData, spanIdOf, type TestSpan, traceIdOf } from './testing.ts'

// What the server finds is what a page finds that has all of the trace.

const { spans: random, resources } = randomData(11, 60)
// All in one trace, so that words find several.
const spans = random.map((span, index): TestSpan => ({ ...span, trace: 'words', id: index + 1, parent: 0 }))
let store: QuestionStore
let api: QueryApi & { url: string }

beforeAll(async () => {
  ;({ store } = await openFilled(spans, resources))
  api = await openQueryApi({ reader: store.reader })
})
afterAll(async () => {
  await api.close(AbortSignal.timeout(5000))
  await store.close()
})

const trace = `/api/traces/${traceIdOf('words')}`
async function ask<Answer>(path: string): Promise<Answer> {
  const response = await fetch(`${api.url}${path}`)
  expect(response.status).toBe(200)
  return (await response.json()) as Answer
}

test.each([
  'OP-1',
  'svc-2 op-3',
  'user.id',
  'User.Id=U-1',
  'user.id=7',
  'user.id=0.5',
  'user.id=true tier',
  'tier=go',
  'host.name=h-1 GET',
  'http.method',
  'http.request.method=get',
  'http.response.status_code=5',
  'http.status_code=500 error',
  'db.system=postgres',
  'server.address',
  'net.peer.name=db',
  'PAY.example',
  'kafka mails',
  'error',
  '500',
  'service:"svc-1" operation:"op-2"',
  'service:"svc-1" gold',
  'service:"svc"',
  spanIdOf(3),
  spanIdOf(40).slice(0, 3).toUpperCase(),
  '=',
  'nothing-like-it',
  `it's"quoted\\`,
])('%s', async (typed) => {
  const model = buildModel(await ask<TraceAnswer>(trace))
  const found = findNodes(model, typed).map((index) => model.nodes.at(index)?.id)
  const query = wordsOf(typed).map((word) => `word=${encodeURIComponent(word)}`)
  const { spanIds } = await ask<TraceMatchesAnswer>(`${trace}/matches?${query.join('&')}`)
  expect(new Set(spanIds)).toEqual(new Set(found))
  expect(spanIds.length).toBe(found.length)
  expect(found.length > 0).toBe(!/^(service:"svc"|nothing|it's)/.test(typed))
})

test.each(['', 'q=%7B%20%7D&word=a'])('what is asked must be told, once: %j', async (query) => {
  const response = await fetch(`${api.url}${trace}/matches?${query}`)
  expect(response.status).toBe(400)
  expect(await response.text()).toContain('either q or word must be given')
})
