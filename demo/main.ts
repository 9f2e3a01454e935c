/**
 * A shop to look at: ten services in Node, each with an address, a database and an agent of its own, customers who buy,
 * and some things that go wrong. `npm run demo` starts Weft, too, where there is none yet. It gives V8 flags that keep code
 * small and not fast (160 of 500 MB), and one arena to malloc: a shop has little to do.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Command, InvalidArgumentError } from 'commander'
import { startOutside } from './outside.ts'
import { startBroker } from './queue.ts'
import { makeTraffic } from './traffic.ts'

interface Given {
  readonly otlp: string
  readonly ui: string
  readonly rate: number
  readonly reportEvery: number
}

const positive = (text: string): number => {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('Expected a number above 0.')
  return value
}

new Command('demo')
  .description('a shop of ten services that sends its traces to Weft, with customers and some trouble')
  .option('--otlp <url>', 'where the traces go', 'http://127.0.0.1:4318')
  .option('--ui <url>', 'where Weft shows them; it is started when nobody answers there', 'http://127.0.0.1:4320')
  .option('--rate <n>', 'visits of customers a second', positive, 8)
  .option('--report-every <seconds>', 'how often the stock is counted', positive, 60)
  .action(demo)
  .parse()

async function demo(given: Given): Promise<void> {
  const weft = (await answers(given.ui)) ? undefined : await startWeft()
  const folder = await mkdtemp(join(tmpdir(), 'weft-demo-'))
  const broker = await startBroker(join(folder, 'queue.db'))
  const outside = await startOutside()
  const at = (server: { address(): AddressInfo | string | null }): string =>
    `127.0.0.1:${(server.address() as AddressInfo).port}`
  const known: Record<string, string> = { QUEUE: at(broker), OUTSIDE: at(outside) }
  const workers: Worker[] = []

  const start = async (
    name: string,
    more: { version?: string; env?: Record<string, string> } = {},
  ): Promise<string> => {
    const version = more.version ?? '1.8.0'
    // A thread with an agent, a name and variables of its own: ten processes would take three times the memory.
    const worker = new Worker(new URL(`services/${name}.ts`, import.meta.url), {
      execArgv: ['--import', import.meta.resolve('@weft/node'), '--disable-warning=ExperimentalWarning'],
      env: {
        ...known,
        FOLDER: folder,
        SHOP_VERSION: version,
        OTEL_SERVICE_NAME: name,
        OTEL_RESOURCE_ATTRIBUTES: `service.version=${version},service.namespace=shop,deployment.environment.name=demo`,
        OTEL_EXPORTER_OTLP_ENDPOINT: given.otlp,
        ...more.env,
      },
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
    })
    workers.push(worker)
    worker.on('error', (error) => {
      process.stderr.write(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
      process.exit(1)
    })
    const [port] = (await once(worker, 'message')) as [number]
    return `127.0.0.1:${port}`
  }

  // Each gets to know those that it calls.
  ;[known['CATALOGUE'], known['INVENTORY'], known['SHIPPING'], known['PAYMENT']] = await Promise.all([
    start('catalogue', { version: '3.2.0' }),
    start('inventory'),
    start('shipping', { version: '1.4.2' }),
    // One after the other: they share a database.
    start('payment', { version: '2.3.1' }).then(
      async (older) => `${older},${await start('payment', { version: '2.4.0' })}`,
    ),
    start('notifications'),
  ])
  known['CART'] = await start('cart')
  known['CHECKOUT'] = await start('checkout', { version: '5.0.1' })
  const [gateway] = await Promise.all([
    start('gateway', { version: '2.0.0' }),
    start('reports', { env: { REPORT_EVERY_MS: String(given.reportEvery * 1_000) } }),
  ])

  const stop = new AbortController()
  const traffic = makeTraffic(gateway, given.rate, stop.signal)
  process.stdout.write(`The shop is open: ${given.ui}   (Ctrl-C closes it)\n`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  stop.abort()
  await traffic
  // Who is in the shop may finish, and the last spans go their usual way.
  await sleep(1_500)
  const ended = workers.map((worker) => once(worker, 'exit'))
  for (const worker of workers) worker.postMessage('end')
  await Promise.race([Promise.all(ended), sleep(5_000)])
  weft?.kill('SIGTERM')
  if (weft !== undefined) await once(weft, 'exit')
  await rm(folder, { recursive: true, force: true })
  process.exit()
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/api/health`).then(
    () => true,
    () => false,
  )
}

async function startWeft(): Promise<ChildProcess> {
  const entry = fileURLToPath(new URL('../cli/weft.js', import.meta.url))
  // In a group of its own: the shop closes first, and its last spans still find somebody.
  const weft = spawn(process.execPath, [entry, 'up'], { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  weft.once('exit', (code) => process.exit(code ?? 1))
  for await (const part of weft.stdout as AsyncIterable<Buffer>) {
    if (part.toString().includes('Ctrl-C stops Weft')) break
  }
  return weft
}
