import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import {
  dataStart,
  eachOnce,
  randomData,
  spanIdOf,
  traceIdOf,
  type TestResource,
  type TestSpan,
} from '../../query-api/questions/testing.ts'
import { meshed, sidecars, type Told } from '../../query-api/questions/proxies-for-test.ts'
import { payloads } from './odd.ts'
import { many, queryOf, setWholeStage, shows, staged, traceqlField, until } from './stage.ts'

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
const clockResources = ['clock-front', 'clock-back'].map((service, index): TestResource => ({
  id: 9001 + index,
  service,
  attributes: { 'service.name': service },
}))
/** A call whose callee's clock is 300 ms behind; outside of the time that the other tests look at. */
const skewed = [
  { id: 1, parent: 0, service: 'clock-front', kind: 3, at: 400n, length: 100n },
  { id: 2, parent: 1, service: 'clock-back', kind: 2, at: 110n, length: 80n },
  { id: 3, parent: 2, service: 'clock-back', kind: 1, at: 120n, length: 30n },
].map(({ at, length, ...more }): TestSpan => ({
  ...(once[0] as TestSpan),
  ...more,
  resource: clockResources.findIndex(({ service }) => service === more.service) + 9001,
  trace: 'skewed',
  name: `${more.service} ${more.id}`,
  status: 0,
  invalid: false,
  start: dataStart + 172_800_000_000_000n + at * 1_000_000n,
  duration: length * 1_000_000n,
}))
/** Sidecars of another name than their service's, outside of that time as well. */
const mesh = meshed(
  sidecars('till.default', 'stock.default').map(([id, parent, sender, kind, name]): Told => [
    id,
    parent,
    sender === 'shop' ? 'till' : sender,
    kind,
    name,
  ]),
)
const meshStart = 345_600_000_000_000n
const meshSpans = mesh.spans.map((one): TestSpan => ({
  ...one,
  resource: one.resource + 9100,
  start: one.start + meshStart,
}))
const meshResources = mesh.resources.map((one): TestResource => ({ ...one, id: one.id + 9100 }))
const from = Number(dataStart / 1_000_000n)
const time = `time=${new Date(from).toISOString()}/${new Date(from + 7_400_000).toISOString()}`

const { open } = staged(() =>
  setWholeStage([...spans, hostile, ...skewed, ...meshSpans], [...resources, ...clockResources, ...meshResources]),
)

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
  await page.getByRole('combobox', { name: 'Add a column' }).fill('resource.')
  await page.getByRole('option', { name: 'resource.tier' }).waitFor()
  expect(await page.getByRole('option', { name: 'resource.service.name' }).count()).toBe(1)
  await page.getByRole('combobox', { name: 'Add a column' }).fill('resource.tier')
  await page.keyboard.press('Enter')
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
  const query = await traceqlField(page)
  expect(await query.innerText()).toBe('{ resource.tier = "tin" }')
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

test('a query is written with the names and values that there are, with the keyboard alone', async () => {
  const page = await open(`/traces?${time}&q=${encodeURIComponent('{ }')}`)
  const query = await traceqlField(page)
  await page.keyboard.press('/')
  await page.keyboard.type('{ resource.ti')
  const offered = page.getByRole('listbox').getByRole('option')
  await shows(offered.first(), /^resource\.tier/)
  await page.keyboard.press('Tab')
  await shows(offered.first(), /^=/)
  await page.keyboard.press('Tab')
  await shows(page.getByRole('listbox'), /"tin"/)
  await page.keyboard.type('"ti')
  await shows(offered.first(), /^"tin"/)
  await page.keyboard.press('Tab')
  // Brackets close themselves.
  await until(
    () => query.innerText(),
    (text) => text === '{ resource.tier = "tin" }',
  )
  expect(await query.locator('span', { hasText: '"tin"' }).evaluate((span) => getComputedStyle(span).color)).not.toBe(
    await query.evaluate((field) => getComputedStyle(field).color),
  )
  await page.keyboard.press('Enter')
  await until(
    () => queryOf(page)['q'],
    (q) => q === '{ resource.tier = "tin" }',
  )
  // What was written a moment before is asked, too.
  await page.keyboard.press('Control+A')
  await page.keyboard.type('{ status = ')
  await shows(offered.first(), /^error/)
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await until(
    () => queryOf(page)['q'],
    (q) => q === '{ status = error }',
  )
  // A letter typed there is a letter.
  await page.keyboard.press('Control+End')
  await page.keyboard.type(' ?')
  expect(await query.innerText()).toBe('{ status = error } ?')
  expect(await page.getByRole('dialog').count()).toBe(0)
  await page.keyboard.press('Enter')
  await shows(page.locator('.query-wrong'), /means nothing here/)
  expect(await query.locator('.cm-wrong').innerText()).toBe('?')
  expect(await query.getAttribute('aria-invalid')).toBe('true')
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
  await page.getByRole('tab', { name: 'Critical path' }).click()
  const paths = page.getByRole('table', { name: 'Time on critical paths' })
  await shows(paths, /Slow of \d+\s+Ord\. of \d+/)
  const part = paths.getByRole('row').nth(1).getByRole('link')
  const { searchParams, pathname } = new URL((await part.getAttribute('href')) ?? '', page.url())
  expect([pathname.startsWith('/trace/'), searchParams.get('path'), searchParams.has('span')]).toEqual([
    true,
    '1',
    true,
  ])
  await page.getByRole('combobox', { name: 'Operation' }).click()
  await page.getByRole('option', { name: 'op-1', exact: true }).click()
  await shows(page.locator('.critical-words'), /of [\d,]+ requests/)
  expect(queryOf(page)['operation']).toBe('op-1')
  await page.getByRole('tab', { name: 'Calls' }).click()
  await shows(page.getByRole('table', { name: 'Whom it calls' }), /svc-\d/)
  await page.getByRole('tab', { name: 'Databases' }).click()
  await shows(page.getByRole('table', { name: 'Database statements' }), /postgresql/)
  await page.getByRole('tab', { name: 'Queues' }).click()
  await shows(page.getByRole('table', { name: 'Topics and queues' }), /orders\s+kafka\s+(send|process)/)
  await page.getByRole('tab', { name: 'Hosts' }).click()
  await shows(page.getByRole('table', { name: 'Hosts without an agent' }), /(partner|pay\.example|db[12])\s+op-\d/)
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

test('topology by a resource attribute: groups open by keyboard and in the table, and close', async () => {
  const page = await open(`/topology?${time}`)
  const pick = page.getByRole('combobox', { name: 'Group services by a resource attribute' })
  await pick.click()
  await page.getByRole('option', { name: /^tier / }).click()
  const unset = page.locator('.react-flow__node', { hasText: 'Without tier' })
  await unset.focus()
  await page.keyboard.press('Enter')
  // The service whose name and attributes are hostile has no tier.
  await page.locator('.node-box', { hasText: 'Without tier' }).waitFor()
  await page.locator('.node[data-type=service]').first().waitFor()
  expect(queryOf(page)).toMatchObject({ group: 'tier', opened: 'unset' })
  await page.reload()
  await page.locator('.node-box', { hasText: 'Without tier' }).waitFor()
  await page.keyboard.press('Escape')
  await unset.waitFor()
  await page.getByRole('button', { name: 'As a table' }).click()
  const nodes = page.getByRole('table', { name: 'Nodes' })
  await shows(nodes, /Without tier\s+group/)
  await nodes.getByRole('button', { name: 'Databases, topics, hosts' }).click()
  await shows(nodes, /kafka|orders/)
  await page.getByRole('button', { name: 'Remove the groups' }).click()
  await until(
    () => queryOf(page),
    (search) => search['group'] === undefined && search['opened'] === undefined,
  )
  // A service whose instances are on several hosts is on the one of most of its spans, and its panel says so.
  await page.goto(new URL(`/topology?${time}&group=host.name&node=service:svc-0`, page.url()).href)
  await shows(
    page.getByRole('complementary', { name: 'Figures of svc-0' }),
    /Grouped by host\.name = h-\d, of [\d.]+ % of\s+its spans/,
  )
})

test('from a node of the topology to the call chains between two services, and to their traces', async () => {
  const page = await open(`/topology?${time}&node=service:svc-0`)
  const panel = page.getByRole('complementary', { name: 'Figures of svc-0' })
  await panel.getByRole('link', { name: 'Call chains from it' }).click()
  await page.getByText('Choose two services').waitFor()
  const to = page.getByRole('combobox', { name: 'To this service' })
  await to.fill('svc-1')
  await to.press('Enter')
  const table = page.getByRole('table', { name: 'Call chains' })
  await shows(table, /svc-0\s*→\s*svc-1/)
  await page.getByText(/All traces with spans of both were looked at/).waitFor()
  await page.getByRole('combobox', { name: 'What tells chains apart' }).click()
  await page.getByRole('option', { name: 'By operations' }).click()
  await shows(table, /svc-0\s*op-\d\s*→\s*svc-1\s*op-\d/)
  expect(queryOf(page)).toMatchObject({ from: 'svc-0', to: 'svc-1', by: 'operations' })
  // Back to plain services, as a search.
  await page.getByRole('link', { name: 'Their traces' }).click()
  await until(
    () => queryOf(page)['q'],
    (q) => q === '{ resource.service.name = "svc-0" } >> { resource.service.name = "svc-1" }',
  )
  await page.locator('.list-row').first().waitFor()
})

test('two traces of the list are compared: by keys, or by their buttons', async () => {
  const page = await open(`/traces?${time}`)
  const rows = page.getByRole('table', { name: 'Traces' }).getByRole('row')
  await rows.nth(1).hover()
  await rows.nth(1).getByRole('button', { name: 'Compare' }).click()
  await page.getByRole('link', { name: 'with the typical one' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('link', { name: 'with the typical one' }).waitFor({ state: 'detached' })
  await page.keyboard.press('c')
  await page.getByRole('button', { name: 'Compare nothing' }).waitFor()
  await rows.nth(3).hover()
  await rows.nth(3).getByRole('button', { name: 'Compare with it' }).click()
  await page.getByRole('heading', { name: 'Compare', exact: true }).waitFor()
  expect(new URL(page.url()).pathname).toMatch(/^\/compare\/[0-9a-f]{32}\/[0-9a-f]{32}$/)
  await page.goBack()
  await rows.nth(1).waitFor()
})

test('clocks that differ: as sent or corrected, with all that was moved', async () => {
  const page = await open(`/trace/${traceIdOf('skewed')}?span=${spanIdOf(3)}`)
  const facts = page.locator('.trace-facts')
  const notes = page.getByRole('list', { name: 'Notes' })
  await shows(facts, /Duration\s*390\s*ms/)
  await shows(notes, /Clocks differ by up to 300 ms; times are shown as sent/)
  await notes.getByRole('link', { name: 'Correct them' }).click()
  await shows(facts, /Duration\s*100\s*ms/)
  await shows(notes, /Times are corrected: 2 spans are moved/)
  await shows(page.getByRole('complementary', { name: 'Details of the span' }), /as sent, shown 300 ms later/)
  await notes.getByRole('button', { name: 'What is moved' }).click()
  const list = page.getByRole('dialog', { name: 'Clocks' })
  await shows(list, /clock-back is 300 ms behind clock-front by 1 call/)
  await shows(list.getByRole('row'), /clock-back\s+2 spans\s+300 ms later/)
  await page.keyboard.press('Escape')
  await page.reload()
  await notes.getByRole('link', { name: 'Show as sent' }).click()
  await shows(facts, /Duration\s*390\s*ms/)
  expect(queryOf(page)['clocks']).toBeUndefined()
})

test('proxies are folded, or shown, in a trace, the topology and a service, as one likes it', async () => {
  const page = await open(`/trace/${traceIdOf('mesh-0')}`)
  const notes = page.getByRole('list', { name: 'Notes' })
  const rows = page.getByRole('tree').getByRole('treeitem')
  await shows(notes, /2 spans of proxies are folded into the application's beside them/)
  expect(await rows.count()).toBe(5)
  await shows(rows.nth(2), /GET\s*\+ proxy 2\.08 %/)
  await rows.nth(2).click()
  const details = page.getByRole('complementary', { name: 'Details of the span' })
  await shows(details, /till\.default: ingress/)
  await notes.getByRole('link', { name: 'Show them' }).click()
  await until(
    () => rows.count(),
    (count) => count === 7,
  )
  expect(queryOf(page)['proxies']).toBe('shown')
  await shows(notes, /2 spans of proxies tell the same as the application's beside them/)
  // It goes along to other pages.
  await page.getByRole('link', { name: 'Topology' }).click()
  await until(
    () => queryOf(page)['proxies'],
    (proxies) => proxies === 'shown',
  )
  const start = from + Number(meshStart / 1_000_000n)
  const then = `time=${new Date(start - 60_000).toISOString()}/${new Date(start + 600_000).toISOString()}`
  await page.goto(page.url().replace(/\/topology.*/, `/topology?${then}&proxies=shown&view=table`))
  await shows(page.getByRole('status').first(), /5 nodes, 4 edges/)
  await page.getByRole('link', { name: 'Fold proxies' }).click()
  await shows(page.getByRole('status').first(), /3 nodes, 2 edges/)
  await page.goto(page.url().replace(/\/topology.*/, `/service/till?${then}`))
  await shows(page.getByRole('table', { name: 'Operations' }), /GET/)
  await page.getByRole('link', { name: 'Show proxies' }).click()
  await page.getByRole('link', { name: 'Fold proxies' }).waitFor()
})

test('a trace goes into a file and comes back from it, in both forms, on any clocks; a broken one says why', async () => {
  const page = await open(`/trace/${traceIdOf('skewed')}`)
  for (const form of [/OTLP/, /Jaeger/]) {
    await page.goto(new URL(`/trace/${traceIdOf('skewed')}`, page.url()).href)
    await page.getByRole('button', { name: 'Download' }).click()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: form }).click(),
    ])
    await page.getByRole('link', { name: 'Look at traces from a file' }).click()
    await page.getByRole('button', { name: 'Choose a file' }).waitFor()
    await page.getByLabel('File with traces').setInputFiles(await download.path())
    const notes = page.getByRole('list', { name: 'Notes' })
    await shows(notes, /nothing of it is stored/)
    await many(page.getByRole('treeitem'), 3)
    await notes.getByRole('link', { name: 'Correct them' }).click()
    await shows(page.locator('.trace-facts'), /Duration\s*100\s*ms/)
    await page.getByRole('treeitem').nth(1).click()
    await shows(page.getByRole('complementary', { name: 'Details of the span' }), /clock-back/)
    expect(await page.getByRole('button', { name: 'Compare' }).count()).toBe(0)
  }
  const broken = { name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{"data":[{"spans":[{}]}]}') }
  await page.getByLabel('File with traces').setInputFiles(broken)
  await shows(page.getByRole('alert'), /Its data\[0\]\.spans\[0\]\.traceID is no text/)
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
    `/service/${encodeURIComponent(name)}?${time}&tab=critical`,
    `/service/${encodeURIComponent(name)}?${time}&tab=calls`,
    `/chains?${time}&from=${encodeURIComponent(name)}&to=${encodeURIComponent(other)}`,
    `/traces?${time}&list=spans&columns=${encodeURIComponent(`span."${other.replaceAll('"', '\\"')}"`)}&facets=on`,
    `/traces?${time}&list=groups&by=name`,
    `/traces?${time}&q=${encodeURIComponent('{ } | rate() by (name)')}`,
    `/topology?${time}&view=table&q=${encodeURIComponent(`{ name = "${name.replaceAll('"', '\\"')}" }`)}`,
    `/compare/${traceIdOf('hostile')}/${traceIdOf(once[0]?.trace ?? '')}`,
  ]) {
    const page = await open(path)
    // As text, as what explains a text that is cut, or as what stands in a field.
    await until(
      () =>
        page.evaluate(
          (wanted) =>
            document.body.innerText.includes(wanted) ||
            [...document.querySelectorAll<HTMLElement>('[title]')].some(({ title }) => title.includes(wanted)) ||
            [...document.querySelectorAll('input')].some(({ value }) => value === wanted),
          name,
        ),
      (isThere) => isThere,
    )
    await page.waitForLoadState('networkidle')
    const state = await page.evaluate(() => ({
      xss: (window as { __xss?: unknown }).__xss ?? null,
      images: document.querySelectorAll('img, iframe, object, embed').length,
    }))
    expect(state, path).toEqual({ xss: null, images: 0 })
    await page.context().close()
  }
})
