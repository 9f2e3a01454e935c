import { setTimeout as pause } from 'node:timers/promises'
import { askNumber } from './clickhouse.ts'
import { benchBodies, type Sent, sendLoad } from './generator.ts'
import { usageOf } from './processes.ts'
import { probe } from './probe.ts'
import { type Latency, latencies, questionsAbout, subjectOf } from './questions.ts'
import { type Role, roles, type RunningWeft } from './weft.ts'

export interface PathOptions {
  readonly seconds: number
  /** Spans a second; absent: flat out. */
  readonly rate?: number
  readonly connections: number
  /** Ask each question this many times, idle and under load. 0: none. */
  readonly questions: number
  /** Process id of the broker between collector and ingest, where there is one. */
  readonly broker?: number
}

export interface PathResult {
  readonly sent: Sent
  readonly stored: number
  readonly distinct: number
  /** Seconds from the first request until all of it was stored. */
  readonly seconds: number
  readonly spansPerSecond: number
  /** CPU microseconds a span until all was stored, by process. */
  readonly cpu: Readonly<Record<Role | 'up', number>>
  readonly total: number
  /** The broker's CPU microseconds a span, not in the total; its highest resident memory. */
  readonly broker: { readonly cpu: number; readonly peakBytes: number } | undefined
  /** CPU microseconds a span of the store after that, until its merges had settled. */
  readonly settling: number
  readonly peakBytes: Readonly<Record<Role | 'up', number>>
  /** The same at the end of the load, before anything was asked. */
  readonly loadPeakBytes: Readonly<Record<Role | 'up', number>>
  readonly diskBytesASpan: { readonly atOnce: number; readonly settled: number; readonly parts: number }
  readonly queryable: { readonly idle: readonly number[]; readonly loaded: readonly number[] }
  readonly idle: readonly Latency[]
  readonly loaded: readonly Latency[]
}

/** The load at which "under load" is measured, spans a second, where no rate is given. */
const backgroundRate = 10_000

/** The whole way: warm up, the load, what it cost until all was stored, then disk, probes and questions. */
export async function measurePath(weft: RunningWeft, options: PathOptions): Promise<PathResult> {
  const { connections } = options
  const load = { ...benchBodies, url: weft.otlpHttp, connections }
  const warm = await sendLoad({ ...load, seconds: 3 })
  await storedAll(weft, warm.spans)

  const { broker } = options
  const before = weft.usage()
  const brokerBefore = broker === undefined ? undefined : usageOf(broker)
  const begun = performance.now()
  const sent = await sendLoad({ ...load, seconds: options.seconds, ...(options.rate ? { rate: options.rate } : {}) })
  const generated = (performance.now() - begun) / 1000 - sent.seconds
  const stored = (await storedAll(weft, warm.spans + sent.spans)) - warm.spans
  const seconds = (performance.now() - begun) / 1000 - generated
  const after = weft.usage()
  const brokerAfter = broker === undefined ? undefined : usageOf(broker)

  const perSpan = (role: Role | 'up') => ((after[role].cpuSeconds - before[role].cpuSeconds) * 1e6) / sent.spans
  const cpu = Object.fromEntries([...roles, 'up' as const].map((role) => [role, perSpan(role)])) as PathResult['cpu']
  const spans = warm.spans + sent.spans
  const atOnce = (await diskBytes(weft)) / spans
  const parts = await settled(weft)
  const settling = ((weft.usage().store.cpuSeconds - after.store.cpuSeconds) * 1e6) / spans
  const distinct = await distinctSpans(weft)
  const diskBytesASpan = { atOnce, settled: (await diskBytes(weft)) / spans, parts }

  const idleProbes = await probe(weft, 5)
  const questions = options.questions > 0 ? questionsAbout(weft, await subjectOf(weft)) : []
  const idle = await latencies(questions, options.questions)
  const background = sendLoad({ ...load, seconds: 30, rate: options.rate ?? backgroundRate })
  await pause(3_000)
  const loadedProbes = await probe(weft, 5)
  const loaded = await latencies(questions, options.questions)
  await background

  const last = weft.usage()
  const peaks = (usage: typeof last) =>
    Object.fromEntries(
      [...roles, 'up' as const].map((role) => [role, usage[role].peakBytes]),
    ) as PathResult['peakBytes']
  return {
    sent,
    stored,
    distinct: distinct - warm.spans,
    seconds,
    spansPerSecond: sent.spans / seconds,
    cpu,
    total: Object.values(cpu).reduce((sum, each) => sum + each, 0),
    broker: brokerBefore &&
      brokerAfter && {
        cpu: ((brokerAfter.cpuSeconds - brokerBefore.cpuSeconds) * 1e6) / sent.spans,
        peakBytes: brokerAfter.peakBytes,
      },
    settling,
    peakBytes: peaks(last),
    loadPeakBytes: peaks(after),
    diskBytesASpan,
    queryable: { idle: idleProbes, loaded: loadedProbes },
    idle,
    loaded,
  }
}

/** Waits until as many spans are stored, or their number stays for 10 s; the number. */
async function storedAll(weft: RunningWeft, wanted: number): Promise<number> {
  let changed = performance.now()
  for (let last = -1; ;) {
    const count = await askNumber(weft.clickhouse, 'SELECT count() FROM spans')
    if (count >= wanted) return count
    if (count !== last) changed = performance.now()
    last = count
    if (performance.now() - changed > 10_000) return count
    await pause(100)
  }
}

/** Exact; in parts, because a guest's query has little memory. */
async function distinctSpans(weft: RunningWeft): Promise<number> {
  let distinct = 0
  for (let part = 0; part < 16; part++) {
    distinct += await askNumber(weft.clickhouse, `SELECT uniqExact(span_id) FROM spans WHERE span_id % 16 = ${part}`)
  }
  return distinct
}

async function diskBytes(weft: RunningWeft): Promise<number> {
  return askNumber(
    weft.clickhouse,
    "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() AND table IN ('spans', 'resources')",
  )
}

/** Waits until the store's parts have not changed for 5 s (2 minutes at most); how many there are. */
async function settled(weft: RunningWeft): Promise<number> {
  const begun = performance.now()
  let changed = begun
  for (let last = ''; ;) {
    const used = weft.usage().store.cpuSeconds
    await pause(1_000)
    const parts = await askNumber(weft.clickhouse, "SELECT count() FROM system.parts WHERE active AND table = 'spans'")
    const busy = weft.usage().store.cpuSeconds - used > 0.3
    const state = String(parts)
    if (state !== last || busy) changed = performance.now()
    last = state
    if (performance.now() - changed > 5_000 || performance.now() - begun > 120_000) return parts
  }
}
