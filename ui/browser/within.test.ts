import { expect, test } from 'vitest'
import { dataStart, traceIdOf, type TestSpan } from '../../query-api/questions/testing.ts'
import { setWholeStage, shows, staged } from './stage.ts'

// The search within a trace, with the real API on a real store.

const of = (id: number, parent: number, more: Partial<TestSpan>): TestSpan => ({
  trace: 'shop',
  id,
  parent,
  service: 'cart',
  name: `step ${id}`,
  kind: 1,
  start: dataStart + BigInt(id) * 1_000_000n,
  duration: 1_000_000n,
  invalid: false,
  status: 0,
  attributes: {},
  resource: 1,
  ...more,
})
const spans = [
  of(1, 0, { kind: 2 }),
  of(2, 1, { attributes: { 'http.url': { string: 'http://stock/1' } } }),
  of(3, 1, { attributes: { 'http.url': { string: 'http://stock/2' } }, status: 2 }),
  of(4, 3, { status: 2 }),
  of(5, 4, { attributes: { tries: { int: '3' } } }),
]
const resources = [{ id: 1, service: 'cart', attributes: { 'service.name': 'cart' } }]

const { open } = staged(() => setWholeStage(spans, resources))

test('words, key=value and TraceQL find spans of a trace; what is wrong with a query is said with its place', async () => {
  const page = await open(`/trace/${traceIdOf('shop')}`)
  const field = page.getByRole('textbox', { name: 'Search in this trace' })
  const count = page.getByRole('search').getByRole('status')
  const finds = async (typed: string, many: string): Promise<void> => {
    await field.fill(typed)
    await shows(count, new RegExp(`^${many}$`))
  }
  await finds('step 4', '1')
  await finds('http.url=http://stock', '2')
  await finds('{ .url.full =~ "http://stock/.*" }', '2')
  await finds('{ status = error } >> { }', '2')
  await finds('{ } | count() > 5', 'none')
  await finds('{ .tries > 2 }', '1')
  await field.press('Enter')
  await shows(count, /^1 of 1$/)
  await shows(page.getByRole('complementary', { name: 'Details of the span' }), /step 5/)
  await field.fill('{ .tries >')
  await shows(page.getByRole('alert'), /\{ \.tries >\s*Expected a field or a value/)
  await field.fill('{ } | rate()')
  await shows(page.getByRole('alert'), /figures over time, not for traces/)
  await field.fill('step')
  await shows(count, /^(\d of )?5$/)
  expect(await page.getByRole('alert').count()).toBe(0)
  // It is in the URL.
  await field.fill('{ status = error }')
  await page.waitForURL(/find=.*status/)
  await page.reload()
  await shows(count, /^(\d of )?2$/)
})

test('in a trace from a file TraceQL says that it needs the store', async () => {
  const page = await open(`/trace/${traceIdOf('shop')}`)
  await page.getByRole('button', { name: 'Download' }).click()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: /OTLP/ }).click(),
  ])
  await page.getByRole('link', { name: 'Look at traces from a file' }).click()
  await page.getByLabel('File with traces').setInputFiles(await download.path())
  const field = page.getByRole('textbox', { name: 'Search in this trace' })
  await field.fill('{ status = error }')
  await shows(page.getByRole('alert'), /TraceQL is for traces that are stored/)
  await field.fill('http.url=http://stock')
  await shows(page.getByRole('search').getByRole('status'), /^2$/)
})
