import type { Locator, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { hugeId, listId } from './fake-api.ts'
import { boxOf, many, queryOf, setStage, shows, staged, until } from './stage.ts'

// The views of one trace beside the waterfall, and that all of them speak of one selection.

const { stage, open: openPage } = staged(() => setStage())

const checkout = '00000001b3577b34da6a3ce929d0e0e4'
const firstSelect = '0000000000000005'

async function open(path: string): Promise<Page> {
  const page = await openPage(path)
  await page.getByRole('group', { name: 'Views' }).waitFor()
  return page
}
const details = (page: Page): Locator => page.getByRole('complementary', { name: 'Details of the span' })
const inUrl = (page: Page, name: string, value: string | undefined): Promise<string | undefined> =>
  until(
    () => queryOf(page)[name],
    (now) => now === value,
  )

test('keys go from view to view, the selection goes along and stands in the URL', async () => {
  const page = await open(`/trace/${listId}?span=${firstSelect}`)
  await page.getByRole('tree', { name: /^Spans of the trace/ }).waitFor()
  await page.keyboard.press('l')
  await page.getByRole('tree', { name: /^Calls folded together/ }).waitFor()
  await inUrl(page, 'view', 'flame')
  await shows(page.getByRole('region', { name: 'Flame graph' }), 'SELECT order_item')
  await page.keyboard.press('s')
  await shows(page.locator('.statistics-row[data-current=true]'), 'SELECT order_item')
  await page.keyboard.press('g')
  await shows(page.locator('.node[data-selected=true]'), 'SELECT order_item')
  await page.keyboard.press('w')
  await inUrl(page, 'view', undefined)
  await page.getByRole('treeitem', { name: /SELECT order_item, 480 times/, selected: true }).waitFor()
  expect(queryOf(page)['span']).toBe(firstSelect)
  expect(await details(page).count()).toBe(1)
})

test('the flame graph: arrows walk through it, f fills the width, a click selects the longest span of a block', async () => {
  const page = await open(`/trace/${listId}?view=flame`)
  const flame = page.getByTestId('flame')
  await flame.focus()
  for (const [key, text] of [
    ['ArrowDown', /^frontend: GET \/orders, 1 span,/],
    ['ArrowDown', /^frontend: GET \/orders, 1 span,/],
    ['ArrowDown', /^orders: GET \/orders, 1 span,/],
    ['ArrowDown', /^orders: SELECT order_item, 480 spans, 4 with an error, work 3\.\d+ s/],
    ['ArrowRight', /^orders: POST \/price, 40 spans,/],
    ['ArrowDown', /^pricing: POST \/price, 40 spans,/],
    ['ArrowUp', /^orders: POST \/price/],
    ['ArrowLeft', /^orders: SELECT order_item/],
  ] as const) {
    await page.keyboard.press(key)
    await shows(flame.getByRole('treeitem'), text)
  }
  await page.keyboard.press('f')
  await until(
    () => queryOf(page)['block'] ?? '',
    (block) => block !== '',
  )
  const box = await boxOf(flame)
  // What fills the width is the whole fourth row now; the first still stands above it.
  await page.mouse.click(box.x + box.width - 40, box.y + 3.5 * 24)
  await shows(flame.getByRole('treeitem'), /^orders: SELECT order_item/)
  await page.mouse.click(box.x + box.width - 40, box.y + 12)
  await shows(flame.getByRole('treeitem'), /^frontend: GET \/orders/)
  await page.keyboard.press('0')
  await inUrl(page, 'block', undefined)
  await details(page).waitFor()
})

test('the statistics: sorted by a click, a row searches for its spans, the longest is one click away', async () => {
  const page = await open(`/trace/${listId}?view=statistics`)
  const rows = page.locator('.list-row.statistics-row')
  await shows(rows.first(), 'SELECT order_item')
  await page.getByRole('columnheader', { name: 'Max' }).getByRole('button').click()
  await shows(rows.first(), 'GET /orders')
  await inUrl(page, 'sort', '-max')
  await page.getByRole('columnheader', { name: 'Max' }).getByRole('button').click()
  await shows(rows.first(), /GET price/)
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await inUrl(page, 'find', 'service:"pricing" operation:"GET price"')
  await page.getByText('40', { exact: true }).first().waitFor()
  await page.getByRole('button', { name: 'Select the longest of orders: render' }).click()
  await shows(details(page), 'render')
  await page.keyboard.press('w')
  await page.getByText(/^40$/).first().waitFor()
})

test('the call graph: operations or services, a click selects the longest span', async () => {
  const page = await open(`/trace/${listId}?view=calls`)
  await many(page.locator('.node'), 8)
  await page.getByRole('combobox', { name: 'What a node is' }).click()
  await page.getByRole('option', { name: 'Services' }).click()
  await many(page.locator('.node'), 3)
  await inUrl(page, 'calls', 'services')
  await page.locator('.node', { hasText: 'pricing' }).click()
  await shows(details(page), 'POST /price')
  await shows(page.getByRole('table', { name: 'Calls, most time first' }), /orders\s+pricing\s+40\s+0\s+280 ms/)
})

test('runs of the same call are one row, opened and closed by keys and clicks; an error within opens its run', async () => {
  const page = await open(`/trace/${listId}`)
  const rows = page.locator('[role=treeitem]:visible')
  await many(rows, 7)
  const run = page.getByRole('treeitem', { name: /SELECT order_item, 480 times, 3\.\d+ s together, 4 with an error/ })
  await run.click()
  await page.keyboard.press(']')
  await many(rows, (count) => count > 7)
  await inUrl(page, 'runs', firstSelect)
  await page.keyboard.press('j')
  await page.keyboard.press('[')
  await many(rows, 7)
  await inUrl(page, 'span', firstSelect)
  await run.locator('.fall-twisty').click()
  await many(rows, (count) => count > 7)
  await page.locator('.fall-hidden[data-run]').first().click()
  await many(rows, 7)
  await page.keyboard.press('e')
  await many(rows, (count) => count > 7)
  await shows(details(page), 'lock timeout')
  await page.keyboard.press('Escape')
  await many(rows, 7)
  await page.keyboard.press('x')
  await many(rows, (count) => count > 7)
  await inUrl(page, 'runs', '*')
})

test('a link restores view, order, block and opened runs', async () => {
  const page = await open(`/trace/${checkout}?view=statistics&sort=name`)
  await page.getByRole('columnheader', { name: 'Operation' }).waitFor()
  expect(await page.getByRole('columnheader', { name: 'Operation' }).getAttribute('aria-sort')).toBe('ascending')
  await page.goto(`${stage().api.url}/trace/${listId}?runs=${firstSelect}`)
  await page.locator('.fall-hidden[data-run]').waitFor()
})

test('100,000 spans: each view opens, scrolls and lets go of its memory', async () => {
  const page = await open(`/trace/${hugeId}?view=statistics`)
  await page.locator('.list-row').first().waitFor()
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable')
  const heap = async (): Promise<number> => {
    await session.send('HeapProfiler.collectGarbage')
    const { metrics } = await session.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? 0) / 2 ** 20
  }
  for (const [key, scroller, drawn] of [
    ['w', '.fall-scroll', '.fall-row'],
    ['l', '.flame-scroll', '.flame-canvas'],
    ['s', '.statistics .list-body', '.list-row'],
    ['g', '.topology-graph', '.node'],
  ] as const) {
    // From the key to two frames after what it shows is there.
    await page.evaluate((selector) => {
      const shown = new Promise<number>((done) => {
        const onKey = (): void => {
          const started = performance.now()
          const look = (): void => {
            if (document.querySelector(selector) === null) requestAnimationFrame(look)
            else requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - started)))
          }
          look()
        }
        addEventListener('keydown', onKey, { once: true, capture: true })
      })
      Object.assign(window, { shown })
    }, drawn)
    await page.keyboard.press(key)
    const ms = await page.evaluate(() => (window as unknown as { shown: Promise<number> }).shown)
    const frames = await page.locator(scroller).evaluate(async (element) => {
      const times: number[] = []
      for (let i = 0; i < 40; i++) {
        element.scrollTop += 997
        const before = performance.now()
        await new Promise(requestAnimationFrame)
        times.push(performance.now() - before)
      }
      return times.sort((a, b) => a - b)
    })
    process.stdout.write(
      `100,000 spans, ${scroller}: shown ${ms.toFixed(0)} ms after the key, ` +
        `frame while scrolling p50 ${frames[20]?.toFixed(1)} p95 ${frames[38]?.toFixed(1)} ms, ` +
        `heap ${(await heap()).toFixed(0)} MiB\n`,
    )
    expect(await page.locator('.fall-row, .list-row, .node').count()).toBeLessThan(200)
  }
})
