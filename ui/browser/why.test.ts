import { expect, test } from 'vitest'
import { payloads } from './odd.ts'
import { boxOf, queryOf, setStage, shows, staged, traceqlField, until } from './stage.ts'

const { stage, open } = staged(() => setStage({ checked: true }))

const lastAsked = (path: string): URLSearchParams =>
  new URLSearchParams(
    stage()
      .api.asked.findLast((asked) => asked.startsWith(`${path}?`))
      ?.split('?')[1],
  )

test('why slow? One click from the list to the cause, one more to its traces', async () => {
  const page = await open('/traces?service=pricing')
  await page.getByRole('button', { name: 'Why slow?' }).click()
  await until(
    () => queryOf(page),
    (query) => query['chart'] === 'heat' && query['area'] === 'slow',
  )
  const why = page.getByRole('region', { name: 'What explains the selected spans' })
  await shows(why, /20 requests that are slowest against 1,200 others/)
  // What is slow was read off the heat map, and the filter holds for both.
  expect(Object.fromEntries(lastAsked('/api/diagnosis'))).toMatchObject({
    service: 'pricing',
    of: 'requests',
    selectedMin: '79432823',
  })
  const first = why.getByRole('listitem').first()
  await shows(first, /customer\.group = reseller/)
  await shows(first, /95 %/)
  await shows(why, /SELECT price.*16 times or more/)
  await shows(why, /90 %\s*900 ms instead of 2\.00 ms/)
  await shows(why, /their own code/)
  await why.getByRole('button', { name: 'Details of customer.group' }).click()
  await shows(why.getByRole('list', { name: 'Values of customer.group' }), /private/)
  await shows(why, `Just as many have: ${payloads[0]} = ${payloads[1]}`)
  await page.keyboard.press('Escape')
  await page.locator('.list-head').waitFor()
  expect(queryOf(page)).toEqual({ service: 'pricing', chart: 'heat' })
  await page.getByRole('button', { name: 'Why slow?' }).click()
  await first.getByRole('button', { name: 'Narrow' }).first().click()
  await page.locator('.chip', { hasText: 'span.customer.group = reseller' }).waitFor()
  await until(
    () => lastAsked('/api/diagnosis').get('attribute'),
    (attribute) => attribute === 'span.customer.group=reseller',
  )
})

test('an area of the heat map is selected by dragging; back takes it away', async () => {
  const page = await open('/traces?chart=heat')
  const box = await boxOf(page.locator('.heat .u-over'))
  await page.mouse.move(box.x + box.width * 0.7, box.y + 4)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.95, box.y + box.height * 0.5, { steps: 4 })
  await page.mouse.up()
  const area = await until(
    () => queryOf(page)['area'] ?? '',
    (value) => /^\d+-\d+,\d+-\d*$/.test(value),
  )
  const asked = await until(
    () => lastAsked('/api/diagnosis'),
    (query) => query.has('selectedStart'),
  )
  const [times = '', durations = ''] = area.split(',')
  expect([asked.get('selectedStart'), asked.get('selectedEnd')]).toEqual(times.split('-').map((ms) => `${ms}000000`))
  expect(asked.get('selectedMin')).toBe(durations.split('-')[0])
  await shows(page.locator('.why-title'), /in the area/)
  await page.goBack()
  await page.locator('.list-row').first().waitFor()
})

test('what a cell holds is told where the pointer is', async () => {
  const page = await open('/traces?chart=heat&of=spans')
  const box = await boxOf(page.locator('.heat .u-over'))
  // The quick ones of the first column: row 21, 100 to 126 µs, in a scale that begins at 100 µs.
  await page.mouse.move(box.x + 10, box.y + box.height - 2)
  await shows(page.locator('.scatter-hint'), /100 spans/)
  await shows(page.locator('.scatter-hint'), /100 µs to 126 µs/)
})

test('a search becomes TraceQL, is asked as such, narrowed, and told where it is wrong', async () => {
  const page = await open(
    '/traces?service=pricing&min=5ms&status=error&attribute=span.tier=gold&attribute=http.status_code=500',
  )
  await page.getByRole('button', { name: 'Write as TraceQL' }).click()
  const field = await traceqlField(page)
  const text =
    '{ resource.service.name = "pricing" && duration >= 5ms && status = error && span.tier = "gold" && ' +
    '(.http.status_code = "500" || .http.status_code = 500) }'
  await until(
    () => field.innerText(),
    (value) => value === text,
  )
  expect(queryOf(page)).toEqual({ q: text })
  await until(
    () => lastAsked('/api/traces').get('q'),
    (q) => q === text,
  )
  await field.fill('{ .a = wrong }')
  await field.press('Enter')
  await shows(page.locator('.query-wrong mark'), 'wrong')
  await shows(page.locator('.query-wrong'), /is no field and no value/)
  await field.fill('{ status = error || .a > 1 }')
  await field.press('Enter')
  await page.getByRole('button', { name: 'Why slow?' }).click()
  const first = page.getByRole('region', { name: 'What explains the selected spans' }).getByRole('listitem').first()
  await first.getByRole('button', { name: 'Narrow' }).first().click()
  await until(
    () => queryOf(page)['q'],
    (q) => q === '{ (status = error || .a > 1) && span.customer.group = "reseller" }',
  )
  await page.getByRole('button', { name: 'Back to the form' }).click()
  await page.getByLabel('Service', { exact: true }).waitFor()
  expect(queryOf(page)['q']).toBeUndefined()
})

test('failed, nothing, and an API that fails: each says so', async () => {
  const page = await open('/traces?chart=heat&area=failed')
  await shows(page.locator('.why-title'), /20 requests that failed/)
  expect(lastAsked('/api/diagnosis').get('failed')).toBe('true')
  stage().api.mode = 'failing'
  await page.reload()
  await shows(page.locator('[role=alert]').first(), /Could not load/)
})
