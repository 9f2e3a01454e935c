import type { Locator, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import type { TraceAnswer } from '../../query-api/types.ts'
import { bigId, deepId, hugeId } from './fake-api.ts'
import { oddId, strayId } from './odd.ts'
import { boxOf, many, queryOf, setStage, shows, staged, until } from './stage.ts'

const { stage, open: openPage } = staged(() => setStage())

const checkout = '00000001b3577b34da6a3ce929d0e0e4'

async function open(path: string): Promise<Page> {
  const page = await openPage(path)
  await page.getByRole('treeitem').first().waitFor()
  return page
}
const rows = (page: Page): Locator => page.locator('[role=treeitem]:visible')
const selected = (page: Page, text: string | RegExp): Promise<string> =>
  shows(page.locator('[role=treeitem][aria-selected=true]').first(), text)

test('keys: next, collapse, expand, error, critical path, search, escape', async () => {
  const page = await open(`/trace/${checkout}`)
  const all = await many(rows(page), (count) => count > 1)
  await page.keyboard.press('j')
  await selected(page, 'POST /checkout')
  await page.keyboard.press('j')
  await selected(page, 'POST /token/verify')
  await page.keyboard.press('k')
  await page.keyboard.press('[')
  await many(rows(page), 1)
  await page.keyboard.press(']')
  await many(rows(page), all)
  await page.keyboard.press('c')
  await until(
    () => queryOf(page)['path'],
    (path) => path === '1',
  )
  await page.keyboard.press('/')
  await page.locator('input:focus').fill('for update')
  await page.locator('.trace-found', { hasText: /^\d+$/ }).waitFor()
  await page.keyboard.press('Enter')
  await page.getByText(/^1 of \d+$/).waitFor()
  await selected(page, 'SELECT inventory')
  await page.keyboard.press('Escape')
  await page.keyboard.press('n')
  await page.getByText(/^2 of \d+$/).waitFor()
  await page.keyboard.press('f')
  await until(
    () => queryOf(page)['zoom'] ?? '',
    (zoom) => /^\d+-\d+$/.test(zoom),
  )
  await page.keyboard.press('0')
  await until(
    () => queryOf(page)['zoom'],
    (zoom) => zoom === undefined,
  )
  await page.keyboard.press('Escape')
  await page.getByRole('complementary').waitFor({ state: 'detached' })
})

test('a deep link restores span, tab, search, collapsed nodes, zoom and critical path', async () => {
  const page = await open(
    `/trace/${checkout}?span=0000000000000003&tab=resource&find=SELECT&closed=0000000000000005&path=1&zoom=0-9000000`,
  )
  await selected(page, 'auth')
  await page.getByRole('tab', { name: /Resource/, selected: true }).waitFor()
  await page.getByText('k8s.pod.name').waitFor()
  expect(await page.getByLabel('Search in this trace').inputValue()).toBe('SELECT')
  await page.getByRole('button', { name: 'Critical path', pressed: true }).waitFor()
  await page.getByRole('button', { name: 'Whole trace' }).waitFor()
  await page.locator('[data-span="0000000000000005"][aria-expanded=false]').waitFor()
})

test('the details tell everything; a value leads to the search', async () => {
  const page = await open(`/trace/${oddId}?span=0000000000000001`)
  const details = page.getByRole('complementary', { name: 'Details of the span' })
  for (const text of ['9007199254740991', '-9223372036854775808', 'NaN', 'base64 AAEC/w==', '[1, "two", (empty)]']) {
    await details.getByText(text, { exact: true }).waitFor()
  }
  await details.getByRole('tab', { name: 'JSON' }).click()
  const json = JSON.parse(await details.locator('pre').innerText()) as { spanId: string; attributes: unknown[] }
  expect(json.spanId).toBe('0000000000000001')
  expect(json.attributes).toHaveLength(14)
  await details.getByRole('tab', { name: /Attributes/ }).click()
  await details.getByRole('link', { name: 'Traces with big of this value' }).click({ force: true })
  await page.waitForURL(/\/traces\?attribute=/)
  expect(queryOf(page)).toEqual({ attribute: 'big=9007199254740991' })
})

test('what is missing or doubtful is said', async () => {
  const page = await open(`/trace/${oddId}`)
  for (const note of [
    'One parent span has not arrived',
    'Clocks differ by up to 12.3 ms',
    '2 resent copies are left out',
  ]) {
    await shows(page.getByRole('list', { name: 'Notes' }), note)
  }
  await page.getByRole('button', { name: 'Show', exact: true }).click()
  await page.getByText('2 spans name feedfeedfeedfeed as parent').waitFor()
})

test('spans far from the root, as of a wrong clock, leave a way to what the root did', async () => {
  const page = await open(`/trace/${strayId}`)
  await page.getByRole('button', { name: "Show the root's time" }).click()
  const [from = 0, to = 0] = (
    await until(
      () => queryOf(page)['zoom'] ?? '',
      (zoom) => zoom !== '',
    )
  )
    .split('-')
    .map(Number)
  expect(to - from).toBeLessThan(2 * 20e6)
})

test('a trace that is called off can be asked for again', async () => {
  stage().api.delayMs = 60_000
  const page = await openPage(`/trace/${checkout}`)
  await page.getByRole('button', { name: 'Cancel' }).click()
  stage().api.delayMs = 0
  await page.getByRole('button', { name: 'Ask again' }).click()
  await page.getByRole('treeitem').first().waitFor()
  stage().api.mode = 'failing'
  await page.keyboard.press('r')
  await page.getByRole('alert').waitFor()
  await page.getByRole('treeitem').first().waitFor()
  stage().api.mode = 'normal'
  await page.context().close()
})

test('an error shows its message, its exception and stack trace', async () => {
  const page = await openPage('/traces?status=error&attribute=http.route=/checkout')
  await page.locator('.list-row').first().click()
  await page.getByRole('treeitem').first().waitFor()
  await page.keyboard.press('e')
  await page.getByRole('note').waitFor()
  await page.getByRole('tab', { name: /Events/ }).click()
  await page.getByText('java.net.ConnectException', { exact: true }).waitFor()
  await shows(page.getByLabel('Stack trace', { exact: true }), 'at shop.payment.Client.charge')
  await page.context().close()
})

test('10,000 spans: scrolling keeps a few rows and the bars in step', async () => {
  const page = await open(`/trace/${bigId}`)
  const tree = page.getByRole('tree')
  const pool = await many(page.locator('[role=treeitem]'), (count) => count > 20)
  const frames = await tree.evaluate(async (element) => {
    const names = new Set<string>()
    const started = performance.now()
    let frames = 0
    while (element.scrollTop + element.clientHeight < element.scrollHeight && frames < 120) {
      element.scrollTop += 2100
      await new Promise(requestAnimationFrame)
      frames++
      const row = element.querySelector('[role=treeitem]:not([hidden])')
      names.add(row?.getAttribute('data-span') ?? '')
    }
    return { frames, names: names.size, ms: performance.now() - started }
  })
  expect(frames.names).toBeGreaterThan(frames.frames * 0.8)
  expect(await page.locator('[role=treeitem]').count()).toBe(pool)
  expect(pool).toBeLessThan(60)
  await page.keyboard.press('e')
  const box = await boxOf(page.locator('[role=treeitem][aria-selected=true]:visible'))
  expect(box.y).toBeGreaterThan(100)
})

test('100,000 spans and a chain of 5,000 stay usable', async () => {
  for (const id of [hugeId, deepId]) {
    const page = await open(`/trace/${id}`)
    await page.keyboard.press('End')
    await page.keyboard.press('{')
    await page.keyboard.press('}')
    await page.keyboard.press('j')
    await selected(page, /./)
    await page.context().close()
  }
})

test('a drag over the overview zooms, the wheel with control zooms further, a double click shows all', async () => {
  const page = await open(`/trace/${checkout}`)
  const box = await boxOf(page.locator('.fall-minimap'))
  await page.mouse.move(box.x + box.width * 0.2, box.y + 10)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.5, box.y + 10, { steps: 4 })
  await page.mouse.up()
  const length = (text: string): number =>
    text
      .split('-')
      .map(Number)
      .reduce((from, to) => to - from)
  // It zooms while one drags, so the URL tells lesser ones on the way.
  const answer = (await (await fetch(`${stage().api.url}/api/traces/${checkout}`)).json()) as TraceAnswer
  const zoom = await until(
    () => queryOf(page)['zoom'] ?? '',
    (value) => length(value) > 0.29 * Number(answer.durationNanos),
  )
  await page.locator('.fall-bars').hover()
  await page.keyboard.down('Control')
  await page.mouse.wheel(0, -200)
  await page.keyboard.up('Control')
  const further = await until(
    () => queryOf(page)['zoom'] ?? '',
    (value) => value !== zoom,
  )
  expect(length(further)).toBeLessThan(length(zoom))
  await page.locator('.fall-minimap').dblclick()
  await until(
    () => queryOf(page)['zoom'],
    (value) => value === undefined,
  )
})

test('a trace that does not exist, and what is no trace id', async () => {
  const gone = await openPage(`/trace/${'a'.repeat(32)}`)
  await gone.getByText('There is no such trace').waitFor()
  await gone.getByRole('button', { name: 'Look again' }).waitFor()
  await gone.context().close()
  const wrong = await openPage('/trace/not-an-id')
  await wrong.getByText('That is not a trace id').waitFor()
  await wrong.context().close()
})
