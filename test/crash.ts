import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { runLoad } from '../bench/load/index.ts'
import type { ServicesAnswer, TraceAnswer, TracesAnswer } from '../query-api/types.ts'
import { judge, sql, type Verdict } from './ledger.ts'
import { eventually, type Role, type RunningWeft, startWeft } from './weft.ts'

export interface CrashOptions {
  readonly roles: readonly Role[]
  /** How often one of them is killed, in turn. */
  readonly kills: number
  /** Between two kills, at random. */
  readonly everyMs: readonly [least: number, most: number]
  /** Spans a second while it lasts. */
  readonly rate: number
  /** Further flags of `weft up`. */
  readonly flags?: readonly string[]
  /** Kills something else, and starts it again, after each kill of a role. */
  meanwhile?(): Promise<void>
}

/**
 * Keeps `weft up` under load, kills roles with SIGKILL, and holds what is stored, shown and counted to the ledger of what
 * was acknowledged: each span once.
 */
export async function crash(options: CrashOptions): Promise<Verdict> {
  const { roles, kills, everyMs, rate, flags = [] } = options
  const folder = mkdtempSync(join(tmpdir(), 'weft-ledger-'))
  const ledger = join(folder, 'ledger')
  const weft = await startWeft({ flags })
  try {
    const ended = new AbortController()
    const load = runLoad({
      url: weft.otlpHttp,
      rate,
      seconds: 600,
      poolSpans: rate,
      ledger,
      connections: 4,
      timeoutMs: 10_000,
      seed: 1,
      signal: ended.signal,
    })
    for (let i = 0; i < kills; i++) {
      const role = roles[i % roles.length] as Role
      await new Promise((resolve) => setTimeout(resolve, everyMs[0] + Math.random() * (everyMs[1] - everyMs[0])))
      const pid = await eventually(() => weft.pid(role), 30_000)
      process.kill(pid, 'SIGKILL')
      await options.meanwhile?.()
      await eventually(() => weft.pid(role) !== pid && weft.pid(role) !== undefined, 30_000)
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    ended.abort()
    const { spans, window } = await load
    expect(spans).toBeGreaterThan(0)
    const verdict = await judge(weft, ledger)
    await expectSameOverApi(weft, window)
    return verdict
  } finally {
    await weft.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The counts of the API and the call chains it shows agree with the rows, each span once. */
async function expectSameOverApi(weft: RunningWeft, [start, end]: readonly [number, number]): Promise<void> {
  const window = `start=${start}000000&end=${end}000000`
  const rows = await sql(weft, 'SELECT service, count() FROM weft.spans GROUP BY service ORDER BY service')
  const { services } = await weft.get<ServicesAnswer>(`/api/services?${window}`)
  expect(Object.fromEntries(services.map(({ name, spans }) => [name, String(spans)]))).toEqual(Object.fromEntries(rows))
  const { traces } = await weft.get<TracesAnswer>(`/api/traces?${window}&limit=20`)
  expect(traces).toHaveLength(20)
  for (const { traceId } of traces) {
    const trace = await weft.get<TraceAnswer>(`/api/traces/${traceId}`)
    const [stored] = await sql(weft, `SELECT count() FROM weft.spans WHERE trace_id = unhex('${traceId}')`)
    expect([String(trace.spanCount), trace.duplicatesRemoved]).toEqual([stored?.[0], 0])
  }
}

/** The line that a person reads beside the test's name. */
export function told(what: string, { acknowledged, stored, doubled, lost }: Verdict): void {
  process.stdout.write(`${what}: acknowledged ${acknowledged}, stored ${stored}, doubled ${doubled}, lost ${lost}\n`)
}
