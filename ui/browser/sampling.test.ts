import { expect, test } from 'vitest'
import { dataStart, traceIdOf, type TestSpan } from '../../query-api/questions/testing.ts'
import { setWholeStage, shows, staged } from './stage.ts'

/** Ten requests, each kept of four; three failed. */
const spans = Array.from({ length: 10 }, (_, index): TestSpan => ({
  trace: `sampled-${index}`,
  id: 1,
  parent: 0,
  service: 'sampled',
  name: 'work',
  kind: 2,
  status: index < 3 ? 2 : 0,
  invalid: false,
  start: dataStart + BigInt(index) * 1_000_000_000n,
  duration: 1_000_000n,
  attributes: {},
  resource: 1,
  traceState: 'ot=th:c',
}))
const resources = [{ id: 1, service: 'sampled', attributes: { 'service.name': 'sampled' } }]
const from = Number(dataStart / 1_000_000n) - 10_000
const time = `time=${new Date(from).toISOString()}/${new Date(from + 60_000).toISOString()}`

const { open } = staged(() => setWholeStage(spans, resources))

test('figures of a program that sends a part of its requests are those of all, and say so', async () => {
  const page = await open(`/services?${time}`)
  await shows(page.getByRole('row', { name: /sampled/ }), /≈ 40\s*40\.0\s*\/min\s*30\.0\s*%/)
  await page.getByText('≈ Estimated from 10 of 40 requests').waitFor()
  await page.getByRole('link', { name: 'Page of sampled' }).click()
  await shows(page.locator('.service-head'), /Requests\s*≈ 40/)
  const base = new URL(page.url()).origin
  await page.goto(`${base}/topology?${time}&node=service:sampled`)
  await page.getByTitle('Reckoned from 10 that sampling kept').waitFor()
  await page.goto(`${base}/trace/${traceIdOf('sampled-0')}`)
  await page.getByRole('treeitem').first().click()
  await shows(page.getByRole('complementary', { name: 'Details of the span' }), /Stands for\s*4 spans/)
  // What lists is about what is stored.
  await page.goto(`${base}/traces?${time}&list=groups`)
  await page.getByText('≈ Estimated from 10 of 40 spans').waitFor()
  await page.goto(`${base}/traces?${time}`)
  await shows(page.getByRole('status').first(), /10 traces/)
  expect(await page.getByText('≈').count()).toBe(0)
})
