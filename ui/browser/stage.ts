import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest'
import { openFilled, type TestResource, type TestSpan } from '../../query-api/questions/testing.ts'
import { openQueryApi, type QuestionStore } from '../../query-api/testing.ts'
import { launchBrowser } from '../../test/browser.ts'
import { startFakeApi, type FakeApi } from './fake-api.ts'

/** Long enough for a busy machine; what waits so long has failed. */
const patienceMs = 60_000
vi.setConfig({ testTimeout: 5 * patienceMs, hookTimeout: 5 * patienceMs })

/** A browser, and whatever goes wrong in it. */
interface Browsing {
  readonly browser: Browser
  /** A new page in a profile of its own; whatever goes wrong in it is found in `trouble`. */
  open(path: string, options?: BrowserContextOptions): Promise<Page>
  /** Errors on the console, exceptions and violations of the content security policy, of all pages so far. */
  readonly trouble: string[]
  close(): Promise<void>
}

export interface Stage extends Browsing {
  readonly api: FakeApi
}

/**
 * The UI as it is in the sources, built into a folder of its own as it ships, or with React's own checks (their
 * complaints are trouble), with a fake API and a real browser.
 */
export async function setStage({ basePath = '', checked = false } = {}): Promise<Stage> {
  const folder = await builtUi(checked)
  const [browser, api] = await Promise.all([launchBrowser(), startFakeApi(folder, basePath)])
  return {
    ...browsing(browser, api.url, async () => {
      await api.close()
      await rm(folder, { recursive: true, force: true })
    }),
    api,
  }
}

/** The same UI with the real API, on a store that holds these. */
export const setWholeStage = (
  spans: readonly TestSpan[],
  resources: readonly TestResource[],
): Promise<Browsing & { readonly url: string }> =>
  setStageOn(true, async () => (await openFilled(spans, resources)).store)

/** The same UI with the real API on any store, with React's own checks or as it ships. */
export async function setStageOn(
  checked: boolean,
  openStore: () => Promise<QuestionStore>,
): Promise<Browsing & { readonly url: string }> {
  const [folder, store] = await Promise.all([builtUi(checked), openStore()])
  const [browser, api] = await Promise.all([launchBrowser(), openQueryApi({ reader: store.reader, uiFolder: folder })])
  const rest = browsing(browser, api.url, async () => {
    await api.close(AbortSignal.timeout(5000))
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { ...rest, url: api.url }
}

/**
 * A stage for the tests of a file, with a page at a time: after each test its page is closed, a fake API answers as at
 * first, and nothing went wrong in the browser.
 */
export function staged<Set extends Browsing>(
  set: () => Promise<Set>,
): {
  readonly stage: () => Set
  readonly open: (path: string, options?: BrowserContextOptions) => Promise<Page>
} {
  let stage: Set | undefined
  let page: Page | undefined
  const known = (): Set => {
    if (stage === undefined) throw new Error('BUG: there is no stage outside of a test')
    return stage
  }
  beforeAll(async () => {
    stage = await set()
  })
  afterEach(async () => {
    await page?.context().close()
    page = undefined
    const { trouble, api } = known() as Browsing & Partial<Stage>
    api?.reset()
    expect(trouble.splice(0)).toEqual([])
  })
  afterAll(() => stage?.close())
  return { stage: known, open: async (path, options) => (page = await known().open(path, options)) }
}

async function builtUi(checked: boolean): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-ui-'))
  // By this React chooses its build.
  process.env['NODE_ENV'] = checked ? 'development' : 'production'
  await build({
    root: join(import.meta.dirname, '..'),
    logLevel: 'error',
    build: { outDir: folder, emptyOutDir: true },
  })
  return folder
}

function browsing(browser: Browser, url: string, closeRest: () => Promise<void>): Browsing {
  const trouble: string[] = []
  return {
    browser,
    trouble,
    open: async (path, options) => {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
      context.setDefaultTimeout(patienceMs)
      await context.exposeFunction('reportViolation', (text: string) => trouble.push(`${path}: ${text}`))
      await context.addInitScript(() => {
        addEventListener('securitypolicyviolation', (event) => {
          const report = (window as unknown as { reportViolation: (text: string) => void }).reportViolation
          report(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)
        })
      })
      const page = await context.newPage()
      page.on('pageerror', (error) => trouble.push(`${path}: ${error.message}`))
      page.on('console', (message) => {
        // The browser itself says this of every answer that is not 2xx.
        const expected = message.text().startsWith('Failed to load resource')
        if (message.type() === 'error' && !expected) trouble.push(`${path}: ${message.text()}`)
      })
      await page.goto(`${url}${path}`)
      return page
    },
    close: async () => {
      await browser.close()
      await closeRest()
    },
  }
}

/** The query of the page's address, decoded. */
export const queryOf = (page: Page): Record<string, string> => Object.fromEntries(new URL(page.url()).searchParams)

/** Waits until an element's text holds. */
export const shows = (element: Locator, text: string | RegExp): Promise<string> =>
  until(
    () => element.innerText(),
    (now) => (typeof text === 'string' ? now.includes(text) : text.test(now)),
  )

/** Waits until so many elements are there. */
export const many = (elements: Locator, holds: number | ((count: number) => boolean)): Promise<number> =>
  until(
    () => elements.count(),
    (count) => (typeof holds === 'number' ? count === holds : holds(count)),
  )

/** An element's box, once it no longer moves. */
export async function boxOf(element: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  await element.hover()
  const box = await element.boundingBox()
  if (box === null) throw new Error('it is not on screen')
  return box
}

/** Waits until it holds; fails with the last value. For what the page does a moment later. */
export async function until<T>(read: () => Promise<T> | T, holds: (value: T) => boolean, ms = patienceMs): Promise<T> {
  const end = Date.now() + ms
  for (;;) {
    const value = await read()
    if (holds(value)) return value
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(value)} after ${ms} ms`)
    await new Promise((wait) => setTimeout(wait, 30))
  }
}

/** The field for a query in TraceQL, once its editor has come; `innerText` is what stands in it. */
export async function traceqlField(page: Page): Promise<Locator> {
  const field = page.locator('.query .cm-content')
  await field.waitFor()
  return field.and(page.getByRole('textbox', { name: 'Query in TraceQL' }))
}
