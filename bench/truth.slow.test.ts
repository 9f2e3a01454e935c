import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask } from './clickhouse.ts'
import { type LoadResult, runLoad } from './load/load.ts'
import { storyNames } from './load/stories.ts'
import type { Figures } from './load/truth.ts'
import { probe } from './probe.ts'
import { latencies, questionsAbout, subjectOf } from './questions.ts'
import { eventually } from '../test/weft.ts'
import { type RunningWeft, startWeft } from './weft.ts'

// What the generator says was sent, and what the API says of it, are two programs' counts of the same spans.

let folder: string
let weft: RunningWeft
let sent: LoadResult
let window: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-truth-'))
  weft = await startWeft(folder)
  sent = await runLoad({ url: weft.otlpHttp, rate: 6_000, seconds: 4, story: 'failing-version', seed: 11 })
  const until = Date.now() + 30_000
  while (Number((await ask(weft.clickhouse, 'SELECT count() FROM spans'))[0]?.[0]) < sent.spans) {
    if (Date.now() > until) throw new Error('not all was stored within 30 s')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  window = `start=${sent.window[0]}000000&end=${sent.window[1]}000000`
})

afterAll(async () => {
  await weft?.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

const get = async <Answer>(path: string): Promise<Answer> => {
  const response = await fetch(`${weft.http}${path}`)
  expect(response.status, path).toBe(200)
  return (await response.json()) as Answer
}

interface Asked {
  readonly requests: number | string
  readonly errors: number | string
  readonly p50: number | string | null
  readonly p99: number | string | null
}

function compare(asked: ReadonlyMap<string, Asked>, truth: ReadonlyMap<string, Figures>): void {
  const counts = (of: ReadonlyMap<string, { requests: number | string; errors: number | string }>) =>
    Object.fromEntries(
      [...of]
        .map(([key, { requests, errors }]) => [key, [Number(requests), Number(errors)]] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    )
  expect(counts(asked)).toEqual(counts(truth))
}

test('services: requests and errors are the ones sent', async () => {
  const { services } = await get<{ services: (Asked & { name: string })[] }>(`/api/services?${window}`)
  // A service that only calls has no requests, and the truth does not name it.
  const serving = services.filter(({ requests }) => Number(requests) > 0)
  compare(new Map(serving.map((service) => [service.name, service])), sent.truth.services)
})

test('topology: every edge that was sent, no other, with its requests and errors', async () => {
  // Calls of hosts are told once no span of a callee can come any more.
  await eventually(async () => {
    const { edges } = await get<{ edges: (Asked & { source: string; target: string })[] }>(`/api/topology?${window}`)
    compare(new Map(edges.map((edge) => [`${edge.source} → ${edge.target}`, edge])), sent.truth.edges)
    return true
  }, 30_000)
})

test('every trace is stored whole', async () => {
  const [[traces, orphans] = []] = await ask(
    weft.clickhouse,
    `SELECT uniqExact(trace_id), countIf(parent_span_id != 0 AND parent_span_id NOT IN (SELECT span_id FROM spans)) FROM spans`,
  )
  expect(Number(traces)).toBe(sent.truth.traces)
  expect(Number(orphans)).toBe(0)
})

test("the bench's questions and probe are answered", async () => {
  const questions = questionsAbout(weft, await subjectOf(weft))
  const measured = await latencies(questions, 1)
  expect(measured.map(({ name }) => name)).toEqual(questions.map(([name]) => name))
  const [took = Infinity] = await probe(weft, 1)
  expect(took).toBeLessThan(5_000)
})

test('every story can be sent', async () => {
  for (const story of storyNames) {
    const result = await runLoad({ url: weft.otlpHttp, rate: 20_000, seconds: 0.1, story })
    expect(result.failed).toBe(0)
  }
})
