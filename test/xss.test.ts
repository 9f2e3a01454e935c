import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser } from './browser.ts'
import { traceOf } from './alive.ts'
import { agoText, encode, hexOf, newSpanId, newTraceId, post, spanOf, stringAttribute } from './requests.ts'
import { type RunningWeft, startWeft } from './weft.ts'

// Names in spans are anybody's text. They come in over OTLP and end in a browser, through every room on the way.

const payloads = [
  '<img src=x onerror="window.__xss=1">',
  '"><script>window.__xss=2</script>',
  '<svg/onload=window.__xss=3>',
  'javascript:window.__xss=4',
  '</title><iframe srcdoc="<script>parent.__xss=5</script>">',
] as const
const [first, second] = payloads
const traceId = newTraceId()

// Both run in the page, whose globals this program's types do not know.
const watch = `addEventListener('securitypolicyviolation', (event) => {
  reportViolation([event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber].join(' '))
})`
const look = `({
  xss: window.__xss ?? null,
  polluted: Object.keys(Object.prototype),
  elements: document.querySelectorAll('img, iframe, object, embed').length,
  links: [...document.querySelectorAll('a')].filter((link) => !/^https?:$/.test(link.protocol)).length,
})`

let weft: RunningWeft
let browser: Browser
let page: Page
const violations: string[] = []
beforeAll(async () => {
  ;[weft, browser] = await Promise.all([startWeft(), launchBrowser()])
  let parentSpanId: Buffer | undefined
  for (const payload of payloads) {
    const attributes = [
      stringAttribute(payload, payload),
      stringAttribute('url.full', 'javascript:window.__xss=6'),
      stringAttribute('server.address', payload),
      stringAttribute('db.system.name', payload),
      stringAttribute('db.namespace', payload),
    ]
    const resource = { attributes: [stringAttribute('service.name', payload), stringAttribute(payload, payload)] }
    const [serverId, clientId] = [newSpanId(), newSpanId()]
    const common = {
      traceId,
      name: payload,
      traceState: payload,
      attributes,
      events: [{ name: payload, timeUnixNano: agoText(5_000), attributes: [stringAttribute(payload, payload)] }],
      links: [{ traceId: newTraceId(), spanId: newSpanId(), attributes: [stringAttribute(payload, payload)] }],
      status: { code: 2, message: payload },
    }
    const spans = [
      spanOf({ ...common, kind: 2, spanId: serverId, ...(parentSpanId ? { parentSpanId } : {}) }),
      spanOf({ ...common, kind: 3, spanId: clientId, parentSpanId: serverId }),
    ]
    parentSpanId = clientId
    const scopeSpans = [{ scope: { name: payload, version: payload }, spans }]
    expect((await post(weft.otlpHttp, encode({ resourceSpans: [{ resource, scopeSpans }] }))).status).toBe(200)
  }
  await traceOf(weft, hexOf(traceId), 2 * payloads.length)

  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  context.setDefaultTimeout(30_000)
  await context.exposeFunction('reportViolation', (text: string) => violations.push(text))
  await context.addInitScript({ content: watch })
  page = await context.newPage()
  page.on('pageerror', (error) => violations.push(error.message))
})
afterAll(async () => {
  await browser?.close()
  await weft?.close()
})

/** Nothing ran, nothing was refused, nothing of it became a part of the page. */
async function untouched(): Promise<void> {
  await page.waitForLoadState('networkidle')
  const state: unknown = await page.evaluate(look)
  expect(state).toEqual({ xss: null, polluted: [], elements: 0, links: 0 })
  expect(violations).toEqual([])
}

test('the list shows them as they are', async () => {
  await page.goto(`${weft.api}/traces`)
  await page.locator('.list-row', { hasText: first }).first().waitFor()
  await untouched()
})

test('one trace shows them as they are, in every part of it', async () => {
  await page.goto(`${weft.api}/trace/${hexOf(traceId)}`)
  for (const payload of payloads) await page.locator('.fall-row', { hasText: payload }).first().waitFor()
  await page.locator('.fall-row', { hasText: first }).first().click()
  const details = page.getByRole('complementary')
  await details.getByText('javascript:window.__xss=6', { exact: true }).waitFor()
  for (const tab of [/Events/, /Links/, /Resource/, /JSON/]) {
    await details.getByRole('tab', { name: tab }).click()
    await details.getByText(first).first().waitFor()
    await untouched()
  }
})

test('services and topology show them as they are', async () => {
  await page.goto(`${weft.api}/services?open=${encodeURIComponent(first)}`)
  await page.getByText(second).first().waitFor()
  await untouched()
  await page.goto(`${weft.api}/topology`)
  await page
    .locator('.node')
    .nth(payloads.length - 1)
    .waitFor()
  await untouched()
})

test('the answer that holds them says that it is JSON, and what a page may do', async () => {
  for (const path of ['/', `/api/traces/${hexOf(traceId)}`, '/api/services', `/trace/${encodeURIComponent(first)}`]) {
    const { headers } = await fetch(`${weft.api}${path}`)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).not.toContain('unsafe')
    if (path.startsWith('/api')) expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
  }
})

test('every log line is still one JSON object', () => {
  for (const line of weft.stderr().trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg')
})
