import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TracesAnswer } from '../query-api/types.ts'
import { launchBrowser } from './browser.ts'
import { replaced } from './replaced.ts'
import { eventually, type RunningWeft, startWeft } from './weft.ts'

let weft: RunningWeft
let browser: Browser
let program: ChildProcess
beforeAll(async () => {
  ;[weft, browser] = await Promise.all([startWeft(), launchBrowser()])
})
afterAll(async () => {
  program?.kill('SIGKILL')
  await browser?.close()
  await weft?.close()
})

test('a Node program started as the first page says is on screen: first page, list, call chain', async () => {
  const page = await browser.newPage()
  await page.goto(weft.api)
  await page.getByText(`npm install ${weft.api}/agents/node.tgz`).waitFor()
  await page.getByRole('tab', { name: 'Node.js SDK' }).click()
  const told = (await page.getByLabel('Shell for Node.js SDK').locator('code').textContent()) ?? ''
  expect(told).toContain(weft.otlpHttp)

  const commands = replaced(told, {
    // The packages are there.
    'npm install': 'true',
    'my-service': 'shop',
    '\nnode ': '\nexec node ',
    'app.js': fileURLToPath(new URL('programs/shop.cjs', import.meta.url)),
  })
  program = spawn('sh', ['-e', '-c', commands], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [port] = (await once(program.stdout as NonNullable<ChildProcess['stdout']>, 'data')) as [Buffer]
  const answer = await fetch(`http://127.0.0.1:${Number(port.toString())}/checkout`)
  expect(await answer.text()).toBe('paid')

  const trace = await eventually(async () => {
    const { traces } = await weft.get<TracesAnswer>('/api/traces?service=shop')
    return traces.find(({ spanCount }) => spanCount === 3)
  }, 60_000)
  expect(trace).toMatchObject({ rootService: 'shop', rootName: 'GET', hasRoot: true, errorCount: 0 })

  // The page that was empty notices by itself, and leads on to the call chain.
  await page.getByText('shop').first().waitFor()
  await page.goto(`${weft.api}/trace/${trace.traceId}`)
  await page.getByRole('treeitem').nth(2).waitFor()
  expect(await page.getByRole('treeitem').count()).toBe(3)
}, 180_000)
