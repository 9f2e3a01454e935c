import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { hostileId, payloads } from './odd.ts'
import { setStage, type Stage } from './stage.ts'

// Names in telemetry are anybody's text: nothing of them may run, and all of it is shown as it is. Under a base path, so
// that one is tried as well, and with React's checks.

let stage: Stage
beforeAll(async () => {
  stage = await setStage({ basePath: '/deep/weft', checked: true })
})
afterEach(() => {
  stage.api.services = 11
  expect(stage.trouble.splice(0)).toEqual([])
})
afterAll(() => stage.close())

async function untouched(page: Page): Promise<void> {
  await page.waitForLoadState('networkidle')
  const state = await page.evaluate(() => ({
    xss: (window as { __xss?: unknown }).__xss ?? null,
    polluted: Object.keys(Object.prototype),
    images: document.querySelectorAll('img, iframe, object, embed').length,
    scripts: [...document.querySelectorAll('script')].filter((script) => script.src === '').length,
    links: [...document.querySelectorAll('a')].filter((link) => !/^https?:$/.test(link.protocol)).length,
  }))
  expect(state).toEqual({ xss: null, polluted: [], images: 0, scripts: 0, links: 0 })
}

test('in one trace: names, keys, values, events, links, scope, status, trace state', async () => {
  const page = await stage.open(`/trace/${hostileId}?span=0000000000000001`)
  const details = page.getByRole('complementary')
  await details.waitFor()
  for (const payload of payloads) await page.locator('.fall-row', { hasText: payload }).first().waitFor()
  await details.getByText('javascript:window.__xss=8', { exact: true }).waitFor()
  expect(await details.locator('a', { hasText: 'javascript:' }).count()).toBe(0)
  expect(await details.locator('a', { hasText: 'data:' }).count()).toBe(0)
  expect(await details.locator('a', { hasText: 'https://example.com' }).getAttribute('rel')).toContain('noopener')
  await details.getByText('__proto__', { exact: true }).waitFor()
  for (const tab of [/Events/, /Links/, /Resource/, /JSON/]) {
    await details.getByRole('tab', { name: tab }).click()
    await details.getByText(payloads[0]).first().waitFor()
    await untouched(page)
  }
  await page.getByLabel('Search in this trace').fill(payloads[0])
  await untouched(page)
  await page.context().close()
})

test('in every view of a trace', async () => {
  const page = await stage.open(`/trace/${hostileId}?span=0000000000000001`)
  await untouched(page)
  for (const [key, shown] of [
    ['l', '.flame [role=treeitem]'],
    ['s', '.statistics-open'],
    ['g', '.node'],
    ['w', '.fall-row'],
  ] as const) {
    await page.keyboard.press(key)
    await page.locator(shown, { hasText: payloads[0] }).first().waitFor({ state: 'attached' })
    await untouched(page)
  }
  await page.keyboard.press('s')
  await page.locator('.statistics-open', { hasText: payloads[1] }).click()
  await page.getByText('1', { exact: true }).first().waitFor()
  await untouched(page)
  await page.context().close()
  for (const odd of [
    'view=__proto__&calls=__proto__',
    'view=flame&block=__proto__',
    'runs=__proto__&runs=*&sort=__proto__',
  ]) {
    const page = await stage.open(`/trace/${hostileId}?${odd}`)
    await page.getByRole('group', { name: 'Views' }).waitFor()
    await untouched(page)
    await page.context().close()
  }
})

test('in the lists, the chart, the suggestions and the graph', async () => {
  const page = await stage.open('/traces?limit=20')
  await page.locator('.list-row', { hasText: payloads[0] }).first().hover()
  await page.getByLabel('Service', { exact: true }).click()
  await page.getByRole('option', { name: payloads[0] }).click()
  await page.locator('.list-row').first().waitFor()
  await page.getByLabel('Add an attribute filter').click()
  await page.getByRole('option', { name: payloads[0] }).waitFor()
  await page.getByLabel('Add an attribute filter').fill(`${payloads[0]}=${payloads[1]}`)
  await page.getByLabel('Add an attribute filter').press('Enter')
  await page.locator('.chip').waitFor()
  await untouched(page)
  await page.goto(`${stage.api.url}/traces?chart=heat&area=slow`)
  await page.getByRole('button', { name: 'Details of customer.group' }).click()
  await page.locator('.why', { hasText: payloads[1] }).waitFor()
  await untouched(page)
  await page.goto(`${stage.api.url}/services?open=${encodeURIComponent(payloads[0])}`)
  await page.getByRole('link', { name: payloads[1], exact: true }).waitFor()
  await untouched(page)
  await page.goto(`${stage.api.url}/topology`)
  await page.locator('.node').first().waitFor()
  await untouched(page)
  await page.context().close()
})

test('in the address: trace id, search, time, span', async () => {
  for (const path of [
    `/trace/${encodeURIComponent(payloads[0])}`,
    `/trace/${encodeURIComponent('javascript:window.__xss=1')}`,
    `/traces?service=${encodeURIComponent(payloads[0])}&time=${encodeURIComponent(payloads[1])}&attribute=${encodeURIComponent(`${payloads[0]}=${payloads[4]}`)}`,
    `/trace/${hostileId}?span=${encodeURIComponent(payloads[0])}&find=${encodeURIComponent(payloads[4])}&tab=__proto__&zoom=a-b`,
    `/services?sort=__proto__&open=${encodeURIComponent(payloads[1])}`,
    `/topology?node=${encodeURIComponent(payloads[0])}`,
    `/${encodeURIComponent(payloads[0])}`,
  ]) {
    const page = await stage.open(path)
    await page.locator('main').waitFor()
    await untouched(page)
    await page.context().close()
  }
})

test('under a base path all links and files stay inside of it', async () => {
  const page = await stage.open('/')
  await page.locator('.list-row').first().waitFor()
  expect(new URL(page.url()).pathname).toBe('/deep/weft/traces')
  const paths = await page
    .locator('a[href]')
    .evaluateAll((links) => links.map((link) => new URL((link as HTMLAnchorElement).href).pathname))
  expect(paths.filter((path) => !path.startsWith('/deep/weft/'))).toEqual([])
  await page.getByRole('link', { name: 'Services' }).click()
  await page.waitForURL(/\/deep\/weft\/services/)
  await page.context().close()
})
