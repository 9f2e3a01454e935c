import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  dataStart,
  eachOnce,
  randomData,
  spanIdOf,
  traceIdOf,
  type TestResource,
  type TestSpan,
} from '../../query-api/questions/testing.ts'
import { payloads } from './odd.ts'
import { queryOf, setWholeStage, shows, until } from './stage.ts'

// The ways people go, with the real API on a real store.

const { spans, resources: made } = randomData(51, 120)
const resources = made.map((one): TestResource => ({
  ...one,
  attributes: { ...one.attributes, 'service.version': `1.${one.id % 2}` },
}))
const once = eachOnce(spans)
/** Payloads where names and values stand. */
const hostile: TestSpan = {
  ...(once[0] as TestSpan),
  trace: 'hostile',
  id: 1,
  parent: 0,
  service: payloads[0],
  name: payloads[0],
  kind: 2,
  status: 0,
  invalid: false,
  attributes: { [payloads[1]]: { string: payloads[0] } },
}
const from = Number(dataStart / 1_000_000n)
const time = `time=${new Date(from).toISOString()}/${new Date(from + 7_400_000).toISOString()}`

let stage: Awaited<ReturnType<typeof setWholeStage>>
let page: Page | undefined
beforeAll(async () => {
  stage = await setWholeStage([...spans, hostile], resources)
})
afterEach(async () => {
  await page?.context().close()
  page = undefined
  expect(stage.trouble.splice(0)).toEqual([])
})
afterAll(() => stage?.close())
const open = async (path: string): Promise<Page> => (page = await stage.open(path))

test('search: facets narrow and widen it, its spans have columns of choice, and go into a file', async () => {
  const page = await open(`/traces?${time}`)
  await page.getByRole('button', { name: 'Facets' }).click()
  const facets = page.getByRole('complementary', { name: 'Facets' })
  const failed = spans.filter(({ status }) => status === 2)
  const statuses = facets.getByRole('region', { name: 'Status', exact: true })
  await shows(statuses, new RegExp(`error\\s+${failed.length}\\b`))
  await statuses.getByRole('button', { name: /^error/ }).click()
  await until(
    () => queryOf(page)['status'],
    (status) => status === 'error',
  )
  await page.getByRole('button', { name: 'Spans' }).click()
  const failedOnce = once.filter(({ status }) => status === 2)
  await shows(page.getByRole('status').first(), `Newest 100 spans, more match`)
  await page.getByRole('combobox', { name: 'Add a column' }).fill('resource.tier')
  await page.getByRole('combobox', { name: 'Add a column' }).press('Enter')
  const table = page.getByRole('table', { name: 'Spans' })
  await table.getByRole('columnheader', { name: 'resource.tier' }).waitFor()
  const newest = failedOnce.toSorted((a, b) => (a.start > b.start ? -1 : 1))[0]
  const tier = resources.find(({ id }) => id === newest?.resource)?.attributes['tier'] ?? '–'
  await shows(table.getByRole('row').nth(1), new RegExp(`${newest?.name}\\s+${newest?.service}\\s+${tier}\\s+Error`))
  const saving = page.waitForEvent('download')
  await page.getByRole('button', { name: 'CSV' }).click()
  const lines = (await readFile(await (await saving).path(), 'utf8')).trim().split('\r\n')
  expect(lines).toHaveLength(101)
  expect(lines[0]).toBe('traceId,spanId,startTimeUnixNano,durationNanos,service,name,statusCode,resource.tier')
  expect(lines[1]).toContain(`,${newest?.start},`)
  await statuses.getByRole('button', { name: /^error/ }).click()
  await until(
    () => queryOf(page)['status'],
    (status) => status === undefined,
  )
})

test('search: groups by a field, one of which becomes the search; figures over time lead to their traces', async () => {
  const page = await open(`/traces?${time}&list=groups&by=resource.tier`)
  const table = page.getByRole('table', { name: 'Spans by resource.tier' })
  const tin = spans.filter(({ resource }) => resources.find(({ id }) => id === resource)?.attributes['tier'] === 'tin')
  await shows(table, new RegExp(`tin\\s+${tin.length}\\b`))
  await table.getByRole('button', { name: 'tin' }).click()
  await page.locator('.chip', { hasText: 'resource.tier = tin' }).waitFor()
  await page.getByRole('button', { name: 'Write as TraceQL' }).click()
  const query = page.getByRole('textbox', { name: 'Query in TraceQL' })
  expect(await query.inputValue()).toBe('{ resource.tier = "tin" }')
  await query.fill('{ resource.tier = "tin" } | count_over_time() by (name)')
  await query.press('Enter')
  const series = page.getByRole('table', { name: 'Series' })
  await shows(series, /op-0/)
  expect(await series.getByRole('row').count()).toBe(6)
  await page.getByRole('button', { name: 'Show the traces' }).click()
  await until(
    () => queryOf(page)['q'],
    (q) => q === '{ resource.tier = "tin" }',
  )
  await page.getByRole('table', { name: 'Traces' }).getByRole('row').nth(1).waitFor()
})

test('services, one service, its parts, and on to its traces', async () => {
  const page = await open(`/services?${time}`)
  await page.getByRole('link', { name: 'Page of svc-1' }).click()
  await page.getByRole('heading', { name: 'svc-1' }).waitFor()
  const served = spans.filter(
    ({ service, kind, parent }) => service === 'svc-1' && (kind === 2 || kind === 5 || (kind === 1 && parent === 0)),
  )
  await shows(page.locator('.service-facts'), new RegExp(`Requests\\s+${served.length}\\b`))
  expect(await page.locator('.chart canvas').count()).toBe(3)
  await shows(page.getByRole('table', { name: 'Operations' }), /op-\d/)
  await page.getByRole('tab', { name: 'Calls' }).click()
  await shows(page.getByRole('table', { name: 'Whom it calls' }), /svc-\d/)
  await page.getByRole('tab', { name: 'Databases' }).click()
  await shows(page.getByRole('table', { name: 'Database statements' }), /postgresql/)
  await page.getByRole('tab', { name: 'Versions and instances' }).click()
  await shows(page.getByRole('table', { name: 'Versions' }), /1\.[01]/)
  await page.getByRole('tab', { name: 'Exceptions' }).click()
  await page.getByText('No exception was recorded in this time range').waitFor()
  expect(queryOf(page)['tab']).toBe('exceptions')
  await page.getByRole('tab', { name: 'Compare' }).click()
  await shows(page.getByRole('table', { name: 'Operations of svc-1, now against then' }), /op-\d\s+new/)
  // A step of the chart leads to what is behind it.
  const plot = page.locator('.chart .u-over').first()
  await plot.click({ position: { x: 60, y: 20 } })
  await until(
    () => queryOf(page),
    (search) => search['service'] === 'svc-1' && search['time'] !== time.slice(5),
  )
  await page.goBack()
  await page.getByRole('heading', { name: 'svc-1' }).waitFor()
})

test('search, its topology, around one node, as a table, and back to the traces', async () => {
  const page = await open(`/traces?${time}&status=error`)
  await page.getByRole('group', { name: 'List' }).getByRole('link', { name: 'Topology' }).click()
  await page.locator('.chip', { hasText: 'Only spans that match { status = error }' }).waitFor()
  const failed = spans.filter(({ status }) => status === 2)
  await page.locator('.react-flow__node').first().waitFor()
  await page.getByRole('button', { name: 'As a table' }).click()
  const nodes = page.getByRole('table', { name: 'Nodes' })
  const served = failed.filter(
    ({ service, kind, parent }) => service === 'svc-2' && (kind === 2 || kind === 5 || (kind === 1 && parent === 0)),
  )
  await shows(nodes, new RegExp(`svc-2\\s+service\\s+${served.length}\\b`))
  await nodes.getByRole('button', { name: 'svc-2' }).click()
  await page.getByRole('button', { name: 'Only its neighbours' }).click()
  await shows(page.getByRole('status'), /around this one/)
  await page.getByRole('combobox', { name: 'Which way' }).click()
  await page.getByRole('option', { name: 'Downstream' }).click()
  await until(
    () => queryOf(page),
    (search) => search['way'] === 'down' && search['focus'] === 'service:svc-2',
  )
  await page.getByRole('link', { name: 'Their traces' }).click()
  await until(
    () => queryOf(page)['q'],
    (q) => q === '{ status = error }',
  )
})

test('a trace, compared with another, only what differs, and back', async () => {
  const [one, other] = [once[0]?.trace ?? '', once.at(-1)?.trace ?? ''].map(traceIdOf)
  const span = once.find(({ trace, invalid }) => traceIdOf(trace) === one && !invalid)
  const page = await open(`/trace/${one}?span=${spanIdOf(span?.id ?? 0)}`)
  // Where it stands among its like, and the way to the slower ones.
  const details = page.getByRole('complementary', { name: 'Details of the span' })
  await shows(details, /longer than about \d+ % of \d+ in the hour around it/)
  const slower = await details.getByRole('link', { name: 'the slower ones' }).getAttribute('href')
  expect(new URL(slower ?? '', page.url()).searchParams.get('q')).toContain(`name = "${span?.name}"`)
  await details.getByRole('tab', { name: 'Links' }).click()
  await details.getByText('No span links to it').waitFor()
  await page.getByRole('button', { name: 'Compare' }).click()
  const field = page.getByRole('textbox', { name: 'Id of another trace' })
  await field.fill('nonsense')
  await field.press('Enter')
  await page.getByText('There is no trace id in it.').waitFor()
  await field.fill(`${other}`)
  await field.press('Enter')
  const table = page.getByRole('table', { name: 'Calls of both traces' })
  await shows(table, /only in [AB]/)
  const spansOf = (trace: string): number => once.filter((span) => traceIdOf(span.trace) === trace).length
  await shows(page.getByRole('region', { name: 'A' }), new RegExp(`${spansOf(one ?? '')} spans`))
  await shows(page.getByRole('region', { name: 'B' }), new RegExp(`${spansOf(other ?? '')} spans`))
  await page.getByRole('button', { name: 'Only differences' }).click()
  await until(
    () => queryOf(page)['only'],
    (only) => only === 'differences',
  )
  await page.getByRole('link', { name: 'Swap' }).click()
  await until(
    () => page.url(),
    (url) => url.includes(`/compare/${other}/${one}`),
  )
  await page.goBack()
  await page.goBack()
  await page.getByRole('button', { name: 'Compare' }).waitFor()
})

test('what anybody may have written is shown as it is, on every page', async () => {
  const [name, other] = payloads
  for (const path of [
    `/service/${encodeURIComponent(name)}?${time}`,
    `/service/${encodeURIComponent(name)}?${time}&tab=changes&against=versions&versionA=${encodeURIComponent(other)}`,
    `/traces?${time}&list=spans&columns=${encodeURIComponent(`span."${other.replaceAll('"', '\\"')}"`)}&facets=on`,
    `/traces?${time}&list=groups&by=name`,
    `/traces?${time}&q=${encodeURIComponent('{ } | rate() by (name)')}`,
    `/topology?${time}&view=table&q=${encodeURIComponent(`{ name = "${name.replaceAll('"', '\\"')}" }`)}`,
    `/compare/${traceIdOf('hostile')}/${traceIdOf(once[0]?.trace ?? '')}`,
  ]) {
    const page = await open(path)
    await page.getByText(name).or(page.getByTitle(name)).first().waitFor()
    await page.waitForLoadState('networkidle')
    const state = await page.evaluate(() => ({
      xss: (window as { __xss?: unknown }).__xss ?? null,
      images: document.querySelectorAll('img, iframe, object, embed').length,
    }))
    expect(state, path).toEqual({ xss: null, images: 0 })
    await page.context().close()
  }
})
