import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { build, type Plugin, type Rolldown } from 'vite'
import { launchBrowser } from '../../browser.ts'
import { replaced } from '../../replaced.ts'
import { serviceName, usualTimeoutSeconds } from '../program.ts'
import { expectCheckout } from '../story.ts'
import type { Client, Protocol, RunningClient } from '../client.ts'
import { programFolder } from '../tools.ts'

interface Shop {
  trace(name: string): string
  end(): Promise<void>
}

let chromium: Browser | undefined
/** Serves the page: its origin is not Weft's, so that the browser asks whether it may send. */
const pages = createServer()

export const browser: Client = {
  name: 'Browser',
  protocols: ['http/json'],
  missing: undefined,
  async prepare() {
    const script = await bundled(join(programFolder('browser'), 'shop.js'))
    pages.on('request', ({ url }, response) => {
      if (url === '/shop.js') response.setHeader('content-type', 'text/javascript; charset=utf-8').end(script)
      else response.setHeader('content-type', 'text/html').end('<!doctype html><script src="shop.js"></script>')
    })
    pages.listen(0, '127.0.0.1')
    ;[chromium] = await Promise.all([launchBrowser(), once(pages, 'listening')])
  },
  async close() {
    await chromium?.close()
    pages.close()
  },
  start: openPage,
  story: (running, weft) =>
    expectCheckout(running, weft, { language: 'webjs', exception: 'RangeError', whole: '9007199254740991' }),
}

async function openPage(_: Protocol, endpoint: string, timeoutSeconds = usualTimeoutSeconds): Promise<RunningClient> {
  const page = await chromium!.newPage()
  let said = ''
  page.on('console', (message) => (said += `${message.text()}\n`))
  page.on('pageerror', (error) => (said += `${error.message}\n`))
  const query = new URLSearchParams({ endpoint, service: serviceName, timeout: String(timeoutSeconds * 1_000) })
  await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/?${query.toString()}`)
  return {
    trace: (name) => page.evaluate((text) => (globalThis as unknown as { shop: Shop }).shop.trace(text), name),
    end: () => page.evaluate(() => (globalThis as unknown as { shop: Shop }).shop.end()),
    kill: () => page.close(),
    stderr: () => said,
  }
}

/** A program and all that it imports, as one script for a page. */
async function bundled(input: string): Promise<string> {
  const { output } = (await build({
    configFile: false,
    plugins: [othersAsAsked],
    logLevel: 'silent',
    build: { write: false, minify: false, rolldownOptions: { input, output: { format: 'iife' } } },
  })) as Rolldown.RolldownOutput
  return output[0].code
}

/** What users are told is as it is, but for address, name and times, which the page's own address says. */
const othersAsAsked: Plugin = {
  name: 'others-as-asked',
  transform(code, id) {
    if (!id.endsWith('/docs/getting-started/tracing.js')) return undefined
    const changed = replaced(code, {
      "'http://127.0.0.1:4318/v1/traces' }":
        "query.get('endpoint') + '/v1/traces', timeoutMillis: Number(query.get('timeout')) }",
      "'my-page'": "query.get('service'), 'deployment.environment.name': 'süd'",
      '{ exporter }': '{ exporter, scheduledDelayMillis: 100 }',
    })
    return `const query = new URLSearchParams(location.search)\n${changed}`
  },
}
