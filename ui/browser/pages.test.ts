import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { bigId } from './fake-api.ts'
import { boxOf, many, queryOf, setStage, shows, staged, until } from './stage.ts'

const { stage, open } = staged(() => setStage())

test('the first page lists traces, and a click opens one', async () => {
  const page = await open('/')
  await page.waitForURL(/\/traces/)
  const first = page.locator('.list-row').first()
  await first.waitFor()
  await shows(page.locator('.traces-heading'), /^Newest 100 of 402 traces/)
  await first.click()
  await page.waitForURL(/\/trace\/[0-9a-f]{32}/)
  await page.getByRole('treeitem').first().waitFor()
  await page.goBack()
  await page.waitForURL(/\/traces/)
})

test('the scripts of the first page are at most 300 KB, compressed', async () => {
  const page = await open('/')
  await page.locator('.scatter .u-over').waitFor()
  const scripts = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .map(({ name }) => name)
      .filter((name) => name.endsWith('.js')),
  )
  expect(scripts.length).toBeGreaterThan(3)
  const sizes = scripts.map(async (script) => gzipSync(await (await fetch(script)).bytes(), { level: 9 }).length)
  expect((await Promise.all(sizes)).reduce((sum, size) => sum + size)).toBeLessThan(300_000)
})

test('a deep link restores the search form and asks the API for exactly that', async () => {
  const page = await open(
    '/traces?service=cart&operation=GET%20/cart&min=1ms&max=2s&status=error&order=slowest&limit=50' +
      '&attribute=http.route=/checkout&attribute=a=b=c&time=30m',
  )
  await until(
    () => page.getByLabel('Service', { exact: true }).inputValue(),
    (value) => value === 'cart',
  )
  expect(await page.getByLabel('Operation').inputValue()).toBe('GET /cart')
  expect(await page.getByLabel('Min duration').inputValue()).toBe('1ms')
  expect(await page.getByLabel('Status').innerText()).toBe('Error')
  expect(await page.getByLabel('Order').innerText()).toBe('Slowest first')
  expect(await page.locator('.chip').allInnerTexts()).toEqual(['http.route = /checkout', 'a = b=c'])
  await shows(page.locator('.top-range'), /^Last 30 minutes/)
  const asked = await until(
    () => stage().api.asked.find((path) => path.startsWith('/api/traces?') && path.includes('GET+%2Fcart')),
    (path) => path !== undefined,
  )
  const query = new URLSearchParams(asked?.split('?')[1])
  expect(Object.fromEntries(query)).toMatchObject({
    service: 'cart',
    operation: 'GET /cart',
    minDuration: '1ms',
    maxDuration: '2s',
    status: 'error',
    order: 'slowest',
    limit: '50',
  })
  expect(query.getAll('attribute')).toEqual(['http.route=/checkout', 'a=b=c'])
  expect(BigInt(query.get('end') ?? 0) - BigInt(query.get('start') ?? 0)).toBe(1_800_000_000_000n)
})

test('the form writes the URL; back and forward work', async () => {
  const page = await open('/traces')
  await page.locator('.list-row').first().waitFor()
  await page.getByLabel('Service', { exact: true }).click()
  await page.getByRole('option', { name: /^payment/ }).click()
  await until(
    () => queryOf(page)['service'],
    (service) => service === 'payment',
  )
  await page.getByLabel('Min duration').fill('5')
  await page.getByLabel('Min duration').press('Enter')
  await until(
    () => queryOf(page)['min'],
    (min) => min === '5ms',
  )
  await page.getByLabel('Add an attribute filter').fill('http.route=/charge')
  await page.getByLabel('Add an attribute filter').press('Enter')
  await page.getByRole('button', { name: 'Remove the filter http.route=/charge' }).click()
  await until(
    () => queryOf(page)['attribute'],
    (attribute) => attribute === undefined,
  )
  await page.goBack()
  await page.goBack()
  await page.goBack()
  await until(
    () => JSON.stringify(queryOf(page)),
    (query) => query === '{"service":"payment"}',
  )
  await until(
    () => page.getByLabel('Min duration').inputValue(),
    (value) => value === '',
  )
  await page.goForward()
  await until(
    () => queryOf(page)['min'],
    (min) => min === '5ms',
  )
})

test('time: typed, preset, zoomed, moved, live', async () => {
  const page = await open('/traces')
  await page.locator('.list-row').first().waitFor()
  await page.keyboard.press('t')
  await page.getByRole('textbox', { name: 'Time range', exact: true }).fill('2h')
  await page.keyboard.press('Enter')
  await until(
    () => queryOf(page)['time'],
    (time) => time === '2h',
  )
  await page.keyboard.press('t')
  await page.getByRole('dialog').locator('input:focus').waitFor()
  await page.keyboard.type('nonsense')
  await page.getByText(/can't read “nonsense” as a time/).waitFor()
  await page.keyboard.press('Escape')
  await page.locator('.top-range').click()
  await page.getByRole('button', { name: '15 minutes' }).click()
  await until(
    () => queryOf(page)['time'],
    (time) => time === '15m',
  )
  await page.keyboard.press('z')
  await until(
    () => queryOf(page)['time'],
    (time) => time === '30m',
  )
  await page.getByRole('button', { name: 'Earlier' }).click()
  await until(
    () => queryOf(page)['time'] ?? '',
    (time) => /^\d{4}-.*Z\/\d{4}-.*Z$/.test(time),
  )
  await page.getByRole('switch').click()
  await until(
    () => queryOf(page)['live'],
    (live) => live === '1',
  )
})

test('live: what comes stands on top; who reads in the list holds it, and sees how many wait', async () => {
  const page = await open('/traces?time=2h&live=1')
  const rows = page.locator('.list-row')
  const first = await rows.first().locator('a').getAttribute('href')
  stage().api.arrive(2)
  await until(
    () => page.locator('.list-row[data-fresh="true"]').count(),
    (count) => count === 2,
  )
  expect(await rows.nth(2).locator('a').getAttribute('href')).toBe(first)
  const newest = await rows.first().locator('a').getAttribute('href')
  await rows.nth(3).hover()
  stage().api.arrive(3)
  await page.getByRole('button', { name: '3 new' }).waitFor()
  expect(await rows.first().locator('a').getAttribute('href')).toBe(newest)
  await page.locator('.list-body').evaluate((list) => list.scrollTo({ top: 400 }))
  await page.mouse.move(10, 300)
  stage().api.arrive(1)
  await page.getByRole('button', { name: '4 new' }).click()
  await until(
    () => page.locator('.list-row[data-fresh="true"]').count(),
    (count) => count === 4,
  )
  expect(await rows.nth(4).locator('a').getAttribute('href')).toBe(newest)
  expect(await page.getByRole('button', { name: /new$/ }).count()).toBe(0)
  // Another question has another answer, in which nothing is new.
  await page.mouse.move(10, 300)
  await page.getByRole('combobox', { name: 'Limit' }).click()
  await page.getByRole('option', { name: '200', exact: true }).click()
  await shows(page.locator('.traces-heading'), /^Newest 200/)
  expect(await page.locator('.list-row[data-fresh="true"]').count()).toBe(0)
})

test('searches: saved under a name, found among the recent ones, still there after a reload', async () => {
  const page = await open('/traces?service=checkout&min=5ms')
  await page.getByRole('button', { name: 'Searches' }).click()
  const menu = page.getByRole('dialog', { name: 'Searches' })
  await menu.getByRole('textbox', { name: 'Name of this search' }).fill('Slow checkouts')
  await page.keyboard.press('Enter')
  await menu.getByRole('link', { name: /Slow checkouts/ }).waitFor()
  // What stood for two seconds is among the recent ones.
  await many(menu.getByRole('listitem'), 2)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Clear filters' }).click()
  await page.reload()
  await page.getByRole('button', { name: 'Searches' }).click()
  await menu.getByText('it can be saved here').waitFor()
  await menu.getByRole('link', { name: /Slow checkouts/ }).click()
  await until(
    () => queryOf(page),
    ({ service, min }) => service === 'checkout' && min === '5ms',
  )
  await page.getByRole('button', { name: 'Searches' }).click()
  await menu.getByRole('button', { name: 'Remove the saved search Slow checkouts' }).click()
  await menu.getByText('None yet').waitFor()
})

test('dragging on the chart selects that time', async () => {
  const page = await open('/traces?limit=500')
  await page.locator('.list-row').first().waitFor()
  const box = await boxOf(page.locator('.scatter .u-over'))
  await page.mouse.move(box.x + box.width * 0.4, box.y + 20)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 4 })
  await page.mouse.up()
  const time = await until(
    () => queryOf(page)['time'] ?? '',
    (value) => value.includes('/'),
  )
  const [from = 0, to = 0] = time.split('/').map((moment) => Date.parse(moment))
  expect((to - from) / 3_600_000).toBeCloseTo(0.2, 1)
})

test('any trace opens from the frame: an id, a traceparent; what is neither is told so', async () => {
  const page = await open('/services')
  await page.locator('.list-row').first().waitFor()
  await page.keyboard.press('o')
  await page.keyboard.type('xyz')
  await page.keyboard.press('Enter')
  await page.getByText('A trace id has 32 hexadecimal digits.').waitFor()
  await page.getByLabel('Open a trace by its id').fill('00-0ddba11c0ffee0000ddba11c0ffee000-00f067aa0ba902b7-01')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/trace\/0ddba11c0ffee0000ddba11c0ffee000/)
})

test('a trace id pasted anywhere opens its trace; pasted into a field it is text', async () => {
  const page = await open('/services')
  await page.locator('.list-row').first().waitFor()
  const id = '0ddba11c0ffee0000ddba11c0ffee000'
  const paste = (text: string) =>
    page.evaluate((pasted) => {
      const clipboardData = new DataTransfer()
      clipboardData.setData('text', pasted)
      const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, composed: true, cancelable: true })
      document.activeElement?.dispatchEvent(event)
    }, text)
  await page.getByPlaceholder('Filter by name').click()
  await paste(id)
  await page.locator('h1, h2').first().click()
  await paste('no id at all')
  expect(new URL(page.url()).pathname).toBe('/services')
  await paste(`look at ${id.toUpperCase()}`.slice('look at '.length))
  await page.waitForURL(new RegExp(`/trace/${id}`))
})

test('services: sorted by a click, a row opens its operations, which lead to traces', async () => {
  const page = await open('/services')
  await page.locator('.list-row').first().waitFor()
  await page.getByRole('button', { name: 'p99' }).click()
  await until(
    () => queryOf(page)['sort'],
    (sort) => sort === '-p99',
  )
  await page.locator('[role=columnheader][aria-sort=descending]', { hasText: 'p99' }).waitFor()
  await page.getByRole('button', { name: 'cart', exact: true }).click()
  await page.getByRole('link', { name: 'GET /cart', exact: true }).click()
  await page.waitForURL(/\/traces/)
  expect(queryOf(page)).toEqual({ service: 'cart', operation: 'GET /cart' })
  await page.goBack()
  await page.getByRole('button', { name: 'cart', expanded: true }).waitFor()
})

test('with no data the first page shows how to send some, and notices the first trace by itself', async () => {
  stage().api.mode = 'empty'
  const page = await open('/')
  await page.getByRole('heading', { name: 'Send the first trace' }).waitFor()
  const endpoint = 'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318'
  const sdk = [endpoint, 'OTEL_METRICS_EXPORTER=none', 'OTEL_LOGS_EXPORTER=none']
  for (const [language, lines] of [
    ['Java', sdk],
    ['Python', sdk],
    ['Node.js', [endpoint, '/agents/node.tgz', 'node --import @weft/node app.js']],
    ['Node.js SDK', sdk],
    ['Go', [endpoint]],
    ['Browser', ['http://127.0.0.1:4318/v1/traces']],
    ['Envoy', ['tracing.opentelemetry.min_flush_spans: 512', 'address: 127.0.0.1, port_value: 4317']],
    ['Istio', ['extensionProviders:', 'randomSamplingPercentage: 100']],
    ['Linkerd', ['meshIdentity:']],
    ['Consul', ['"address": "127.0.0.1", "port_value": 4317', 'sidecar_service']],
    ['Caddy', [endpoint]],
    ['nginx', ['endpoint 127.0.0.1:4317;']],
    ['Traefik', ['endpoint: 127.0.0.1:4317']],
  ] as const) {
    await page.getByRole('tab', { name: language, exact: true }).click()
    for (const line of lines) await shows(page.getByRole('tabpanel', { name: language, exact: true }), line)
  }
  stage().api.mode = 'normal'
  await page.locator('.list-row').first().waitFor()
})

test('nothing matches: the reason and a way on', async () => {
  const page = await open('/traces?attribute=no.such=thing')
  await page.getByText('No spans match').waitFor()
  await page.getByText(/spans in this range without the filter/).waitFor()
  await page.getByRole('button', { name: 'Clear the filter' }).click()
  await page.locator('.list-row').first().waitFor()
})

test('an error is told in plain words, keeps the query, and can be tried again', async () => {
  stage().api.mode = 'failing'
  const page = await open('/traces?service=cart')
  await shows(page.getByRole('alert'), 'Something broke. Try again')
  expect(await page.getByLabel('Service', { exact: true }).inputValue()).toBe('cart')
  stage().api.mode = 'normal'
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.locator('.list-row').first().waitFor()
})

test('a store that is away is told, and back on the page by itself once it answers', async () => {
  stage().api.mode = 'away'
  const page = await open('/services')
  await shows(page.getByRole('alert'), 'The store does not answer. It is probably starting')
  stage().api.mode = 'normal'
  await page.locator('.list-row').first().waitFor()
})

test('an error stays on the page while it asks again', async () => {
  stage().api.mode = 'away'
  const page = await open('/topology')
  await page.getByRole('alert').waitFor()
  stage().api.delayMs = 60_000
  await page.getByRole('progressbar').waitFor()
  await shows(page.getByRole('alert'), 'The store does not answer.')
  Object.assign(stage().api, { mode: 'normal', delayMs: 0 })
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.locator('.node').first().waitFor()
})

test('loading: a thin bar, the old content dimmed, a cancel after a second', async () => {
  const page = await open('/traces')
  await page.locator('.list-row').first().waitFor()
  stage().api.delayMs = 60_000
  await page.keyboard.press('z')
  await page.getByRole('progressbar').waitFor()
  await page.locator('.traces-stale[data-stale=true] .list-row').first().waitFor()
  // And how far it is.
  await shows(page.locator('.bar-wait'), /Working for \d+ s: 12\.3\s*M rows read/)
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('progressbar').waitFor({ state: 'detached' })
})

test('days that were removed are told, once', async () => {
  stage().api.droppedDays = [
    { day: '2026-01-30', reason: 'older than 7 days', droppedAtUnixNano: '1769900000000000000' },
  ]
  const page = await open('/services')
  await page.getByText(/Spans received on 2026-01-30/).waitFor()
  await page.getByRole('button', { name: 'Understood' }).click()
  await page.reload()
  await page.locator('.list-row').first().waitFor()
  await page.waitForLoadState('networkidle')
  expect(await page.getByText(/Spans received on/).count()).toBe(0)
})

test('light and dark: from the system, and by choice', async () => {
  const page = await open('/traces')
  const theme = (): Promise<string | null> => page.locator('html').getAttribute('data-theme')
  await until(theme, (value) => value === 'light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await until(theme, (value) => value === 'dark')
  await page.getByRole('button', { name: 'Light or dark' }).click()
  await page.getByRole('menuitemradio', { name: 'Light', exact: true }).click()
  await until(theme, (value) => value === 'light')
  await page.reload()
  await until(theme, (value) => value === 'light')
})

test('the system turns dark just as the page is drawn anew', async () => {
  const page = await open(`/trace/${bigId}`)
  await page.getByRole('treeitem').first().waitFor()
  await page.evaluate(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'c', bubbles: true }))
      port2.postMessage('again')
    }
    port2.postMessage('begin')
  })
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.locator('html[data-theme=dark]').waitFor({ state: 'attached' })
})

test('the list of keys opens with ?', async () => {
  const page = await open('/traces')
  await page.locator('.list-row').first().waitFor()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await until(
    () => page.locator('.list-row[data-marked=true]').getAttribute('aria-rowindex'),
    (index) => index === '3',
  )
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/trace\//)
})

test('everything that can be used has a name, and the focus is seen', async () => {
  for (const path of ['/traces?service=cart', '/services?open=cart', '/topology?node=service:cart']) {
    const page = await open(path)
    await page.locator('h1').waitFor({ state: 'attached' })
    await page.waitForLoadState('networkidle')
    const nameless = await page
      .locator('button, a[href], input, select, [role=tab], [role=switch], [role=tree]')
      .evaluateAll((elements) =>
        elements
          .filter((element) => element.checkVisibility() && element.getAttribute('aria-hidden') !== 'true')
          .filter((element) => {
            const labels = 'labels' in element ? (element.labels as NodeListOf<HTMLLabelElement> | null) : null
            const by = document.getElementById(element.getAttribute('aria-labelledby') ?? '')
            const named =
              by?.textContent ??
              element.getAttribute('aria-label') ??
              element.getAttribute('title') ??
              element.textContent ??
              ''
            return named.trim() === '' && (labels === null || labels.length === 0)
          })
          .map((element) => element.outerHTML),
      )
    expect(nameless).toEqual([])
    expect(await page.locator('main').count()).toBe(1)
    expect(await page.locator('h1').count()).toBe(1)
    await page.keyboard.press('Tab')
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle)
    expect(outline).toBe('solid')
    await page.context().close()
  }
})
