import { expect, test } from 'vitest'
import { boxOf, many, queryOf, setStage, staged, until } from './stage.ts'

const { stage, open } = staged(() => setStage())

test('a node opens its figures and leads to its traces', async () => {
  const page = await open('/topology')
  await many(page.locator('.node'), 15)
  await page.locator('.node', { hasText: 'payment' }).click()
  await until(
    () => queryOf(page)['node'],
    (node) => node === 'service:payment',
  )
  const panel = page.getByRole('complementary', { name: 'Figures of payment' })
  await many(panel.getByRole('row'), (rows) => rows > 3)
  await panel.getByRole('link', { name: 'Traces' }).click()
  await page.waitForURL(/\/traces\?service=payment/)
})

test('callers stand left of whom they call', async () => {
  const page = await open('/topology')
  const left = async (name: string): Promise<number> =>
    (await boxOf(page.locator('.node', { hasText: name }).first())).x
  expect(await left('frontend')).toBeLessThan(await left('payment'))
  expect(await left('payment')).toBeLessThan(await left('fraud-check'))
})

test('the panel does not hide the node that it tells of', async () => {
  const page = await open('/topology')
  const node = page.locator('.node', { hasText: 'mailer' })
  await node.click()
  const panel = await boxOf(page.getByRole('complementary', { name: 'Figures of mailer' }))
  await until(
    async () => {
      const box = await node.boundingBox()
      return (box?.x ?? Infinity) + (box?.width ?? 0)
    },
    (right) => right < panel.x,
  )
})

test('a large graph is drawn on a canvas, and its nodes are still buttons', async () => {
  stage().api.services = 300
  const page = await open('/topology')
  await page.locator('canvas.topology-large').waitFor()
  await page.getByRole('button', { name: /^inventory,/ }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('complementary', { name: 'Figures of inventory' }).waitFor()
})

test('500 services and 2,000 calls are moved and zoomed in little of the main thread (printed)', async () => {
  stage().api.services = 500
  stage().api.calls = 2000
  const page = await open('/topology')
  const canvas = page.locator('canvas.topology-large')
  await canvas.waitFor()
  const box = await boxOf(canvas)
  await page.evaluate(() => {
    const times: number[] = []
    const asked = requestAnimationFrame
    Object.assign(window, {
      frameTimes: times,
      requestAnimationFrame: (draw: FrameRequestCallback) =>
        asked((now) => {
          const begun = performance.now()
          draw(now)
          times.push(performance.now() - begun)
        }),
    })
  })
  const drag = async (): Promise<void> => {
    await page.mouse.down()
    for (let i = 0; i < 40; i++) await page.mouse.move(box.x + box.width / 2 + i * 8, box.y + box.height / 2 + i * 3)
    await page.mouse.up()
  }
  const times = async (): Promise<number[]> =>
    page.evaluate(() => (window as unknown as { frameTimes: number[] }).frameTimes.splice(0).sort((a, b) => a - b))
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await drag()
  const near = await times()
  for (let i = 0; i < 20; i++) await page.mouse.wheel(0, 120)
  await drag()
  const whole = await times()
  for (const [name, of] of Object.entries({ near, whole })) {
    const at = (part: number): string => (of[Math.floor(of.length * part)] ?? 0).toFixed(1)
    process.stdout.write(
      `topology of 500 nodes, ${name}: ${of.length} frames, main thread p50 ${at(0.5)} p95 ${at(0.95)} max ${at(0.999)} ms\n`,
    )
    expect(of.length).toBeGreaterThan(20)
  }
})

test('groups of a large graph are few nodes, and open on the canvas', async () => {
  stage().api.services = 600
  const page = await open('/topology?group=team')
  await many(page.locator('.node'), 4)
  await page.locator('.node', { hasText: 'team 1' }).click()
  await page.locator('canvas.topology-large').waitFor()
  await page.getByRole('button', { name: 'Close team 1' }).click()
  await many(page.locator('.node'), 4)
})
