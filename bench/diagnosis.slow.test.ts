import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DiagnosisAnswer, DiagnosisTime, Finding, HeatmapAnswer } from '../query-api/types.ts'
import { ask } from './clickhouse.ts'
import { Pool } from './load/pool.ts'
import { type StoryName, storyNames } from './load/stories.ts'
import { type RunningWeft, startWeft } from './weft.ts'

// Each story's traffic lies in a window of its own. Whoever asks knows the service and that it is slow, or fails; what was
// planted must come first.

const minute = 60_000_000_000n
const begin = BigInt(Date.now()) * 1_000_000n - 60n * minute
const windowOf = (story: StoryName) => {
  const start = begin + BigInt(storyNames.indexOf(story)) * 5n * minute
  return { start: start.toString(), end: (start + 4n * minute).toString() }
}

let folder: string
let weft: RunningWeft

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-diagnosis-'))
  weft = await startWeft(folder)
  let sent = 0
  for (const [index, story] of storyNames.entries()) {
    const pool = new Pool({ story, spans: story === 'retry-storm' ? 90_000 : 30_000, spread: 100, seed: index + 1 })
    for (let request = 0; request < pool.requests; request++) {
      const prepared = await pool.take(() => BigInt(windowOf(story).start) + 3n * minute)
      const headers = { 'content-type': 'application/x-protobuf' }
      const answer = await fetch(`${weft.otlpHttp}/v1/traces`, {
        method: 'POST',
        headers,
        body: Buffer.from(prepared.body),
      })
      expect(answer.status).toBe(200)
      prepared.release()
      sent += prepared.spans
    }
  }
  const until = Date.now() + 30_000
  while (Number((await ask(weft.clickhouse, 'SELECT count() FROM spans'))[0]?.[0]) < sent) {
    if (Date.now() > until) throw new Error('not all was stored within 30 s')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}, 120_000)

afterAll(async () => {
  await weft?.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

const get = async <Answer>(path: string, params: Record<string, string>): Promise<Answer> => {
  const response = await fetch(`${weft.http}/api/${path}?${new URLSearchParams(params).toString()}`)
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return JSON.parse(text) as Answer
}

/** Where the slowest spans of the heat map begin, that many of all. */
async function slowest(share: number, params: Record<string, string>): Promise<string> {
  const { cells, edges, spans } = await get<HeatmapAnswer>('heatmap', params)
  const rows = edges.map(() => 0)
  for (let at = 0; at < cells.length; at += 4) rows[cells[at + 1] ?? 0]! += cells[at + 2] ?? 0
  let above = 0
  const row = rows.findLastIndex((count) => (above += count) >= share * spans)
  return edges[row] ?? '0'
}

async function why(story: StoryName, filter: Record<string, string>, asked: { slowest: number } | 'failed') {
  const params = { ...windowOf(story), ...filter, of: 'requests' }
  const selection = asked === 'failed' ? { failed: 'true' } : { selectedMin: await slowest(asked.slowest, params) }
  const answer = await get<DiagnosisAnswer>('diagnosis', { ...params, ...selection })
  const { findings, symptoms, time, selected, rest } = answer
  const lines = [
    `${story}: ${selected.spans} against ${rest.spans}`,
    ...findings.slice(0, 4).map((one) => `  ${one.score.toFixed(2)} ${told(one)}`),
    ...symptoms.slice(0, 2).map((one) => `  ${one.score.toFixed(2)} (symptom) ${told(one)}`),
    ...time.slice(0, 2).map((one) => `  ${(100 * one.share).toFixed(0)} % of the time: ${place(one)}`),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  return answer
}

const told = ({ key, value, same }: Finding): string =>
  `${key} ${value.is} ${value.value.slice(0, 60)} (${value.selected}/${value.rest}) ${same.map((one) => one.key).join(', ')}`
const place = ({ call }: DiagnosisTime): string => (call === null ? 'its own code' : `${call.service}: ${call.name}`)
const names = (finding: Finding | undefined): string[] =>
  finding === undefined ? [] : [finding, ...finding.same].map(({ key, value }) => `${key} ${value.is} ${value.value}`)

test('a customer group that is slow', async () => {
  const { findings, time } = await why('slow-customer-group', { service: 'pricing' }, { slowest: 0.08 })
  expect(names(findings[0])).toContain('customer.group = reseller')
  expect(time[0]).toMatchObject({ call: null })
})

test('a version that fails: the version first, the error it throws among the symptoms', async () => {
  const { findings, symptoms } = await why('failing-version', { service: 'payment' }, 'failed')
  expect(names(findings[0])).toContain('service.version = 6.4.0')
  expect(symptoms.map(({ value }) => value.value).join('\n')).toContain('com.shop.payment.Mandate')
})

test('an instance that is slow', async () => {
  const { findings, time } = await why('slow-instance', { service: 'inventory' }, { slowest: 0.2 })
  expect(findings[0]?.level).toBe('resource')
  expect(names(findings[0]).join('\n')).toMatch(/service\.instance\.id = /)
  expect(time[0]).toMatchObject({ call: null })
})

test('a lock: the time goes to the statement that waits for it', async () => {
  const { time } = await why('lock', { service: 'inventory' }, { slowest: 0.05 })
  expect(time[0]).toMatchObject({ call: { service: 'inventory', name: expect.stringMatching(/UPDATE/) as string } })
})

test('retries: those that fail called again and again', async () => {
  const { findings } = await why('retry-storm', { service: 'checkout', operation: 'POST /orders' }, 'failed')
  expect(findings[0]).toMatchObject({ level: 'call', call: { service: 'checkout', name: 'POST /quotes' } })
  expect(names(findings[0]).join('\n')).toMatch(/POST \/quotes >= 4/)
})

test('N+1: the statement that is run many times', async () => {
  const { findings, time } = await why('n-plus-one', { service: 'catalogue' }, { slowest: 0.2 })
  expect(findings[0]).toMatchObject({ level: 'call', call: { service: 'catalogue' }, value: { is: '>=' } })
  expect(Number(findings[0]?.value.value)).toBeGreaterThanOrEqual(16)
  expect(time[0]).toMatchObject({ call: { service: 'catalogue', name: expect.stringMatching(/SELECT/) as string } })
})
