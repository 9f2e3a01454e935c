import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type LoadOptions, type LoadResult, runLoad } from '../bench/load/index.ts'
import { type Cluster, type RoleProcess, startCluster } from './cluster.ts'
import { told } from './crash.ts'
import { uniqueTopic } from './kafka/testing.ts'
import { compare, type Verdict } from './ledger.ts'
import { eventually } from './weft.ts'

export interface UnderLoad {
  readonly cluster: Cluster
  readonly collector: RoleProcess
  /** Ends the load before the body ends; what it was told. */
  endLoad(): Promise<LoadResult>
}

export interface UnderLoadOptions {
  readonly what: string
  /** Spans a second. */
  readonly rate: number
  readonly partitions?: number
  readonly load?: Partial<LoadOptions>
  readonly collector?: Readonly<Record<string, string>>
  readonly collectorEnv?: Readonly<Record<string, string>>
}

/**
 * A collector under load in a cluster, while `body` does to it what it will and returns the ingest workers that are left;
 * then, once they have emptied the queue, its store against the ledger: each acknowledged span once.
 */
export async function underLoad(
  kafka: string,
  { what, rate, partitions = 6, load: given, collector: flags, collectorEnv }: UnderLoadOptions,
  body: (under: UnderLoad) => Promise<readonly RoleProcess[]>,
): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-ledger-'))
  const ledger = join(folder, 'ledger')
  const cluster = await startCluster(kafka, uniqueTopic())
  const ended = new AbortController()
  let load: Promise<LoadResult> | undefined
  try {
    const collector = await cluster.startCollector({ 'kafka-partitions': String(partitions), ...flags }, collectorEnv)
    load = runLoad({
      url: `http://${collector.facts['otlpHttp']}`,
      rate,
      seconds: 3_600,
      poolSpans: rate,
      ledger,
      connections: 4,
      timeoutMs: 15_000,
      giveUpMs: 600_000,
      seed: 1,
      signal: ended.signal,
      ...given,
    })
    const endLoad = () => {
      ended.abort()
      return load as Promise<LoadResult>
    }
    const left = await body({ cluster, collector, endLoad })
    const { retries, reasons } = await endLoad()
    const lag = async () => Promise.all(left.map((ingest) => ingest.metric('weft_queue_lag_records')))
    await eventually(async () => (await lag()).every((records) => records === 0), 120_000)
    const verdict = await compare({ clickhouse: cluster.store.url }, ledger)
    told(`${what} (${retries} sent again: ${JSON.stringify(reasons)})`, verdict)
    expect(verdict).toMatchObject({ doubled: 0, lost: 0 })
    expect(verdict.acknowledged).toBeGreaterThan(rate)
    // Whatever was refused was refused in words that let the sender try again.
    expect(Object.keys(reasons).filter((reason) => /HTTP (?!429|503)/.test(reason))).toEqual([])
    return verdict
  } finally {
    ended.abort()
    await load?.catch(() => {})
    await cluster.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
