import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { bigId, deepId, hugeId } from './fake-api.ts'
import { oddId } from './odd.ts'
import { queryOf, setStage, until, type Stage } from './stage.ts'

let stage: Stage
let page: Page | undefined
beforeAll(async () => {
  stage = await setStage()
})
afterEach(async () => {
  await page?.context().close()
  page = undefined
  expect(stage.trouble.splice(0)).toEqual([])
})
afterAll(() => stage.close())

const checkout = '00000001b3577b34da6a3ce929d0e0e4'

async function open(path: string): Promise<Page> {
  page = await stage.open(path)
  await page.getByRole('treeitem').first().waitFor()
  return page
}
const selected = (page: Page): Promise<string> =>
  page.locator('[role=treeitem][aria-selected=true]').first().innerText({ timeout: 5000 })
const visible = (page: Page): Promise<number> => page.locator('[role=treeitem]:visible').count()

test('keys: next, collapse, expand, error, critical path, search, escape', async () => {
  const page = await open(`/trace/${checkout}`)
  const all = await visible(page)
  const now = (text: string): Promise<unknown> =>
    until(
      () => selected(page),
      (name) => name.includes(text),
    )
  await page.keyboard.press('j')
  await now('POST /checkout')
  await page.keyboard.press('j')
  await now('POST /token/verify')
  await page.keyboard.press('k')
  await page.keyboard.press('[')
  await until(
    () => visible(page),
    (many) => many === 1,
  )
  await page.keyboard.press(']')
  await until(
    () => visible(page),
    (many) => many === all,
  )
  await page.keyboard.press('c')
  await until(
    () => queryOf(page)['path'],
    (path) => path === '1',
  )
  await page.keyboard.press('/')
  await page.keyboard.type('for update')
  await page.locator('.trace-found', { hasText: /^\d+$/ }).waitFor()
  await page.keyboard.press('Enter')
  await page.getByText(/^1 of \d+$/).waitFor()
  await now('SELECT inventory')
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
  expect(await selected(page)).toContain('auth')
  await page.getByRole('tab', { name: /Resource/, selected: true }).waitFor()
  await page.getByText('k8s.pod.name').waitFor()
  expect(await page.getByLabel('Search in this trace').inputValue()).toBe('SELECT')
  expect(await page.getByRole('button', { name: 'Critical path' }).getAttribute('aria-pressed')).toBe('true')
  await page.getByRole('button', { name: 'Whole trace' }).waitFor()
  expect(await page.locator('[data-span="0000000000000005"]').getAttribute('aria-expanded')).toBe('false')
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
  const notes = await page.getByRole('list', { name: 'Notes' }).innerText()
  expect(notes).toContain('One parent span has not arrived')
  expect(notes).toContain('12.3 ms ahead of')
  expect(notes).toContain('2 resent copies are left out')
  await page.getByRole('button', { name: 'Show', exact: true }).click()
  await page.getByText('2 spans name feedfeedfeedfeed as parent').waitFor()
})

test('an error shows its message, its exception and stack trace', async () => {
  const page = await stage.open('/traces?status=error&attribute=http.route=/checkout')
  await page.locator('.list-row').first().click()
  await page.getByRole('treeitem').first().waitFor()
  await page.keyboard.press('e')
  await page.getByRole('note').waitFor()
  await page.getByRole('tab', { name: /Events/ }).click()
  await page.getByText('java.net.ConnectException', { exact: true }).waitFor()
  expect(await page.getByLabel('Stack trace', { exact: true }).innerText()).toContain('at shop.payment.Client.charge')
  await page.context().close()
})

test('10,000 spans: scrolling keeps a few rows and the bars in step', async () => {
  const page = await open(`/trace/${bigId}`)
  const tree = page.getByRole('tree')
  const rows = await page.locator('[role=treeitem]').count()
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
  expect(await page.locator('[role=treeitem]').count()).toBe(rows)
  expect(rows).toBeLessThan(60)
  await page.keyboard.press('e')
  expect(await selected(page)).not.toBe('')
  const box = await page.locator('[role=treeitem][aria-selected=true]:visible').boundingBox()
  expect(box?.y).toBeGreaterThan(100)
})

test('100,000 spans and a chain of 5,000 stay usable', async () => {
  for (const id of [hugeId, deepId]) {
    const page = await open(`/trace/${id}`)
    await page.keyboard.press('End')
    await page.keyboard.press('{')
    await page.keyboard.press('}')
    await page.keyboard.press('j')
    expect((await selected(page)).length).toBeGreaterThan(0)
    await page.context().close()
  }
})

test('a drag over the overview zooms, the wheel with control zooms further, a double click shows all', async () => {
  const page = await open(`/trace/${checkout}`)
  const box = await page.locator('.fall-minimap').boundingBox()
  if (box === null) throw new Error('the overview has no box')
  await page.mouse.move(box.x + box.width * 0.2, box.y + 10)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.5, box.y + 10, { steps: 4 })
  await page.mouse.up()
  const zoom = await until(
    () => queryOf(page)['zoom'] ?? '',
    (value) => value !== '',
  )
  const length = (text: string): number =>
    text
      .split('-')
      .map(Number)
      .reduce((from, to) => to - from)
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
  const gone = await stage.open(`/trace/${'a'.repeat(32)}`)
  await gone.getByText('There is no such trace').waitFor()
  await gone.getByRole('button', { name: 'Look again' }).waitFor()
  await gone.context().close()
  const wrong = await stage.open('/trace/not-an-id')
  await wrong.getByText('That is not a trace id').waitFor()
  await wrong.context().close()
})
