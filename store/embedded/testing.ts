import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { createStore, type Store } from '../client.ts'
import { latestVersion } from '../schema/migrate.ts'
import { libuvThreads } from './server.ts'

export interface TestStore {
  /** Of the embedded server's HTTP interface; the user is `weft`, the password `secret`. */
  readonly url: string
  readonly secret: string
  readonly folder: string
  readonly store: Store
  readonly process: ChildProcess
  /** kill -9: nothing is said to the process and nothing removed. */
  kill(): Promise<void>
  /** The same folder, secret and port served by a new process, after `kill`. */
  restart(): Promise<void>
  /** Ends the process and removes the folder. */
  close(): Promise<void>
}

export interface TestStoreOptions {
  /** Tables are there when it settles; true unless said otherwise. */
  readonly migrate?: boolean
  readonly maxMemoryBytes?: number
  /** Elements of ClickHouse's configuration, as XML. */
  readonly moreConfig?: string
}

/**
 * A real store for a test: the embedded server in a process of its own, in a temporary folder, its tables made. The
 * process ends with this one, however that ends.
 */
export async function startTestStore(options: TestStoreOptions = {}): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-store-'))
  const secret = randomBytes(16).toString('hex')
  let [child, port] = await start(folder, secret, 0, options)
  const url = `http://127.0.0.1:${port}`
  const store = createStore({ url, user: 'weft', password: secret, log: silentLog })
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const close = async () => {
    await store.close()
    if (child.connected && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.send('stop')
      await gone
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    if (options.migrate !== false) await store.schema.migrate(latestVersion, AbortSignal.timeout(30_000))
  } catch (error) {
    await close()
    throw error
  }
  return {
    url,
    secret,
    folder,
    store,
    get process() {
      return child
    },
    kill,
    async restart() {
      ;[child, port] = await start(folder, secret, port, options)
    },
    close,
  }
}

async function start(
  folder: string,
  secret: string,
  port: number,
  options: TestStoreOptions,
): Promise<[ChildProcess, number]> {
  const child = fork(
    new URL('testing-process.ts', import.meta.url),
    [folder, secret, String(port), String(options.maxMemoryBytes ?? ''), options.moreConfig ?? ''],
    { execArgv: [], env: { ...process.env, UV_THREADPOOL_SIZE: String(libuvThreads) } },
  )
  const answer = await new Promise<{ port?: number; error?: string }>((resolve) => {
    child.once('message', (message) => resolve(message as { port?: number; error?: string }))
    child.once('exit', (code, signal) => resolve({ error: `the store's process ended (${code ?? signal ?? ''})` }))
  })
  if (answer.port === undefined) throw new AppError('UNAVAILABLE', answer.error ?? 'the store did not start')
  return [child, answer.port]
}
