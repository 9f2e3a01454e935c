import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ask, askNumber } from './clickhouse.ts'
import { usageOf } from './processes.ts'

/** The embedded store alone, as `weft store` serves it, with the right to write. */
export interface RunningStore {
  readonly url: string
  /** Rows of one statement; nothing for one that gives none. */
  ask(sql: string, settings?: Readonly<Record<string, string>>): Promise<readonly string[][]>
  askNumber(sql: string): Promise<number>
  /** Inserts the bytes of a Native block. A block that was inserted before is dropped, but under another token. */
  insert(table: string, block: Uint8Array, token?: string): Promise<void>
  /** CPU seconds that its process has used so far. */
  cpuSeconds(): number
  stop(): Promise<void>
}

export async function startStore(data: string, flags: readonly string[] = []): Promise<RunningStore> {
  const secret = randomBytes(16).toString('hex')
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('../cli/weft.js', import.meta.url)),
      'store',
      '--data',
      data,
      '--clickhouse',
      '127.0.0.1:0',
      '--log-level',
      'info',
      ...flags,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, WEFT_CLICKHOUSE_PASSWORD: secret } },
  )
  const url = await new Promise<string>((resolve, reject) => {
    child.on('exit', (code, signal) => reject(new Error(`weft store ended (${signal ?? `exit code ${code}`})`)))
    createInterface({ input: child.stderr }).on('line', (line) => {
      const entry = line.startsWith('{') ? (JSON.parse(line) as Record<string, string | number>) : undefined
      if (!entry || Number(entry['level']) >= 40) process.stderr.write(`${line}\n`)
      if (entry?.['msg'] === 'ready') resolve(`http://${entry['clickhouse']}`)
    })
  })
  return {
    url,
    ask: (sql, settings = {}) => ask(url, sql, { secret, settings }),
    askNumber: (sql) => askNumber(url, sql, { secret }),
    async insert(table, block, token) {
      const target = new URL(url)
      target.searchParams.set('query', `INSERT INTO ${table} FORMAT Native`)
      if (token !== undefined) target.searchParams.set('insert_deduplication_token', token)
      const response = await fetch(target, {
        method: 'POST',
        body: block as Uint8Array<ArrayBuffer>,
        headers: { authorization: `Basic ${btoa(`weft:${secret}`)}` },
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`an insert into ${table} failed: ${text.slice(0, 600)}`)
    },
    cpuSeconds: () => usageOf(child.pid as number).cpuSeconds,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}
