import { readFile } from 'node:fs/promises'
import type { Locator, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { insertNightly, spanIdOf, traceIdOf } from '../../query-api/questions/testing.ts'
import { openQuestionStore } from '../../query-api/testing.ts'
import { queryOf, setStageOn, shows, staged, until } from './stage.ts'

// Traces that come as an Arrow stream, from a real store: how long until they are drawn, how smooth, how much memory.

const traces = { small: 1_000, hundred: 100_000, million: 1_000_000 } as const

const { stage, open } = staged(() =>
  setStageOn(false, async () => {
    const store = await openQuestionStore()
    for (const [name, many] of Object.entries(traces)) await insertNightly(store, name, many)
    return store
  }),
)

const details = (page: Page): Locator => page.getByRole('complementary', { name: 'Details of the span' })

interface Opened {
  readonly ms: number
  /** The longest time in which nothing else could happen. */
  readonly stuckMs: number
}

/** Goes to a trace from within the page: from the click to two frames after its rows are there. */
const goTo = (page: Page, traceId: string): Promise<Opened> =>
  page.evaluate(async (id) => {
    let stuckMs = 0
    const tasks = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) stuckMs = Math.max(stuckMs, duration)
    })
    tasks.observe({ entryTypes: ['longtask'] })
    const begun = performance.now()
    history.pushState({}, '', `/trace/${id}`)
    dispatchEvent(new PopStateEvent('popstate'))
    const isThere = (): boolean => document.querySelector(`.trace-id [title="${id}"]`) !== null
    while (!isThere() || document.querySelector('.fall-row:not([hidden])') === null) {
      await new Promise(requestAnimationFrame)
    }
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame)
    const ms = performance.now() - begun
    await new Promise((wait) => setTimeout(wait, 200))
    tasks.disconnect()
    return { ms, stuckMs }
  }, traceId)

/** Times of frames while it scrolls and zooms, in order of length. */
async function framesOf(page: Page): Promise<{ readonly scroll: number[]; readonly zoom: number[] }> {
  const scroll = await page.locator('.fall-scroll').evaluate(async (element) => {
    const times: number[] = []
    for (let i = 0; i < 60; i++) {
      element.scrollTop += 997
      const before = performance.now()
      await new Promise(requestAnimationFrame)
      times.push(performance.now() - before)
    }
    return times.sort((a, b) => a - b)
  })
  const zoom = await page.locator('.fall-bars').evaluate(async (element) => {
    const times: number[] = []
    for (let i = 0; i < 60; i++) {
      const deltaY = i < 30 ? -60 : 60
      element.dispatchEvent(new WheelEvent('wheel', { deltaY, ctrlKey: true, bubbles: true, cancelable: true }))
      const before = performance.now()
      await new Promise(requestAnimationFrame)
      times.push(performance.now() - before)
    }
    return times.sort((a, b) => a - b)
  })
  return { scroll, zoom }
}

/** Memory of the process that shows the page, in MiB: what the page holds, arrays and pictures included. */
async function memoryOf(page: Page): Promise<number> {
  await (await page.context().newCDPSession(page)).send('HeapProfiler.collectGarbage')
  const session = await stage().browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const sizes = await Promise.all(
    processInfo
      .filter(({ type }) => type === 'renderer')
      .map(
        async ({ id }) => /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${id}/status`, 'utf8').catch(() => ''))?.[1],
      ),
  )
  return Math.max(...sizes.map(Number)) / 1024
}

const percentile = (sorted: readonly number[], p: number): string =>
  (sorted[Math.floor(p * sorted.length)] ?? Number.NaN).toFixed(1)

test.each([
  ['100,000 spans', 'hundred'],
  ['1,000,000 spans', 'million'],
] as const)('%s open, scroll, zoom, and tell of any span', async (title, name) => {
  const page = await open(`/trace/${traceIdOf('small')}`)
  await page.locator('.fall-row').first().waitFor()
  const opened = await goTo(page, traceIdOf(name))
  const { scroll, zoom } = await framesOf(page)
  process.stdout.write(
    `${title}: drawn ${opened.ms.toFixed(0)} ms after the click, longest task ${opened.stuckMs.toFixed(0)} ms; ` +
      `frame while scrolling p50 ${percentile(scroll, 0.5)} p95 ${percentile(scroll, 0.95)} ms, ` +
      `zooming p50 ${percentile(zoom, 0.5)} p95 ${percentile(zoom, 0.95)} ms; ` +
      `memory of the tab ${(await memoryOf(page)).toFixed(0)} MiB\n`,
  )
  // Details of what is selected come when it is, by keys as by clicks.
  await page.locator('.fall-scroll').focus()
  await page.keyboard.press('j')
  await shows(details(page), 'nightly reconciliation')
  await page.keyboard.press('e')
  await shows(details(page), 'row differs')
  await shows(details(page).getByRole('tabpanel'), /row\s+250/)
  const many = traces[name]
  await page.keyboard.press('End')
  await until(
    () => queryOf(page)['span'],
    (span) => span !== spanIdOf(251),
  )
  // What is searched for is found among all of them.
  await page.getByRole('textbox', { name: 'Search in this trace' }).fill(spanIdOf(many - 5))
  await shows(page.locator('.trace-found'), /^1$/)
  await page.keyboard.press('Enter')
  await shows(details(page).getByRole('tabpanel'), new RegExp(`row\\s+${many - 6}`))
  await page.getByRole('textbox', { name: 'Search in this trace' }).fill('SELECT')
  await until(
    () => page.locator('.trace-found').innerText(),
    (text) => /of \d/.test(text) || /^\d{2,}/.test(text),
  )
  await page.getByRole('textbox', { name: 'Search in this trace' }).fill('differs')
  await shows(page.locator('.trace-found'), new RegExp(`^(\\d+ of )?${Math.floor(many / 251).toLocaleString('en')}$`))
  // Marks of events come for what stays on screen.
  expect(await page.locator('.fall-row').count()).toBeLessThan(200)
  await page.keyboard.press('Escape')
  for (const [key, shown] of [
    ['l', '.flame-canvas'],
    ['s', '.statistics .list-row'],
    ['g', '.node'],
    ['w', '.fall-row'],
  ] as const) {
    const begun = performance.now()
    await page.keyboard.press(key)
    await page.locator(shown).first().waitFor()
    process.stdout.write(`${title}: ${shown} ${(performance.now() - begun).toFixed(0)} ms after its key\n`)
  }
  process.stdout.write(`${title}: memory of the tab with all views seen ${(await memoryOf(page)).toFixed(0)} MiB\n`)
})
