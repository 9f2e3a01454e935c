import { setTimeout as pause } from 'node:timers/promises'
import { Counter, Gauge, type Registry } from 'prom-client'
import { AppError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { createSweeping, type Sweeping } from '../base/sweeping.ts'
import type { Reader, Statements } from '../store/contract.ts'
import { callsKeptSeconds, hourSeconds, newestPass, type OpenHour, openHours, slotSeconds } from './marks.ts'
import { startsIn } from './calls.ts'
import { keep, markStale, newsIn, rowsByDay } from './news.ts'
import { callsOfSlots, hourOf, minutesOf, type Part, type PartProxies, type Statement } from './passes.ts'
import { type Progress, readProgress } from './progress.ts'
import { proxyServices, spawningServices } from './proxies.ts'
import { floorTo, nanosOf } from './times.ts'

export interface RollupOptions {
  readonly reader: Reader
  readonly statements: Statements
  /** Whether this process is the one that does it: two at a time would do everything twice. */
  readonly owns: () => boolean
  readonly log: Log
  readonly metrics: Registry
  /** How often it looks for new spans; 30 s. Spans that come late are in the sums' answers after that time at the latest. */
  readonly everyMs?: number
  /** Minutes are summed up when they are so old, for most of their spans have come then; 5 minutes. */
  readonly graceMs?: number
  /** And when nothing has come for them for so long; 2 minutes. */
  readonly quietMs?: number
  /** Now, in milliseconds since the epoch; for tests. */
  readonly now?: () => number
  /** Calls of the last days are kept as they were joined, where there is a table for them: on one server. */
  readonly keepsCalls: boolean
  /** It rests so many times as long as it worked, and catching up takes a part of a core; 3. */
  readonly restFactor?: number
  /** Spans whose calls are joined at a time; 3 million. */
  readonly mostSpans?: number
}

/** A clock that is further ahead makes no marks: each of its minutes would be one to keep until its time comes. */
const aheadSeconds = 86_400
/** Minutes that the store had no memory or time for are told by their spans for so long; then they are tried again. */
const putOffMs = 3_600_000
const sweepMs = 300_000

/**
 * Sums up whole minutes and hours of spans, so that windows of days are answered from sums: services, their operations,
 * and calls, in `rollups` (store/schema/v2.ts); and keeps the calls themselves for some days, in `calls` (v3.ts).
 *
 * What is not summed up is answered by the spans themselves, so nothing depends on how far this is: it marks minutes
 * for which spans have come before it remembers that it saw these, sums them up later, and marks them as done with the
 * rows themselves. A crash anywhere leaves minutes that are marked stale, or spans that are looked at once more.
 */
export function createRollup(options: RollupOptions): Sweeping {
  const { reader, statements, owns, keepsCalls, log } = options
  const {
    everyMs = 30_000,
    graceMs = 300_000,
    quietMs = 120_000,
    now = Date.now,
    restFactor = 3,
    mostSpans = 3_000_000,
  } = options
  const passes = new Counter({
    name: 'weft_rollup_passes_total',
    help: 'Times that minutes or an hour were summed up',
    labelNames: ['of'],
    registers: [options.metrics],
  })
  const waiting = new Gauge({
    name: 'weft_rollup_stale_slots',
    help: 'Five minutes of a tenant that are not summed up yet, or again',
    registers: [options.metrics],
  })
  let newest = 0n
  /** When slots may be tried again, by tenant and start. */
  const putOff = new Map<string, number>()
  const keyOf = (tenant: string, start: number) => `${start} ${tenant}`

  /** Later than all before it, whoever made those, and readable as a time in µs. */
  const nextPass = (): bigint => {
    const wall = BigInt(now()) * 1000n
    newest = wall > newest ? wall : newest + 1n
    return newest
  }
  const run = ({ sql, params }: Statement, signal: AbortSignal) => statements.once(sql, params, signal)

  /** Marks what has come since the last time. Returns what the marks know of now. */
  const look = async (signal: AbortSignal): Promise<Progress | undefined> => {
    const dayRows = await rowsByDay(reader, signal)
    const last = await readProgress(reader, signal)
    // Another process may have gone on with it, and its clock be ahead of this one's.
    for (const pass of [last?.pass ?? 0n, await newestPass(reader, signal)]) if (pass > newest) newest = pass
    const days = [...dayRows].filter(([day, rows]) => last?.dayRows.get(day) !== rows).map(([day]) => day)
    const isGone = [...(last?.dayRows.keys() ?? [])].some((day) => !dayRows.has(day))
    const oldest = [...dayRows.keys()].toSorted()[0]
    if (oldest === undefined || (days.length === 0 && !isGone)) return last
    const seconds = Math.floor(now() / 1000)
    const coveredFrom = Math.max(last?.coveredFrom ?? 0, Date.parse(oldest) / 1000)
    const coveredTo = Math.max(
      coveredFrom,
      last?.coveredTo ?? 0,
      floorTo(slotSeconds, seconds - Math.floor(graceMs / 1000)),
    )
    const news = await newsIn(reader, days, last?.offsets ?? new Map<string, bigint>(), signal)
    if (news.offsets.size > 0) {
      const to = floorTo(slotSeconds, seconds + aheadSeconds)
      await run(markStale(news, { from: coveredFrom, to, pass: nextPass() }), signal)
    }
    const offsets = new Map([...(last?.offsets ?? []), ...news.offsets])
    const progress = { pass: nextPass(), coveredFrom, coveredTo, offsets, dayRows }
    await run(keep(progress), signal)
    return progress
  }

  const spansIn = async ({ tenant, from, to }: Part, signal: AbortSignal): Promise<number> => {
    const query = {
      name: 'rollup_spans',
      sql: `SELECT count() FROM spans WHERE tenant = {tenant:String} AND start_ns >= ${nanosOf(from)} AND start_ns < ${nanosOf(to)}`,
      params: { tenant },
      limits: { maxRows: 1, maxBytes: 1_000_000, timeoutMs: 60_000 },
      decode: ([count]: readonly unknown[]) => Number(count),
    }
    const [count = 0] = (await Array.fromAsync(reader.select(query, signal))).flat()
    return count
  }

  /** What is to be summed up next, of the newest hour that has something: an hour, or some slots of one. */
  const nextOf = (
    hours: readonly OpenHour[],
    { coveredTo }: Progress,
  ): { hour: OpenHour } | { part: Part } | undefined => {
    const quiet = BigInt(now() - quietMs) * 1000n
    for (const hour of hours) {
      const ready = hour.slots.filter(
        ({ start, stale, pass }) =>
          stale &&
          pass <= quiet &&
          start + slotSeconds <= coveredTo &&
          now() >= (putOff.get(keyOf(hour.tenant, start)) ?? 0),
      )
      if (ready.length > 0) {
        // The last ones that follow one another.
        let from = ready.at(-1)!.start
        const to = from + slotSeconds
        for (const { start } of ready.toReversed()) if (start + slotSeconds === from) from = start
        return { part: { tenant: hour.tenant, from, to } }
      }
      if (hour.start + hourSeconds <= coveredTo && !hour.slots.some(({ stale }) => stale)) return { hour }
    }
    return undefined
  }

  const proxiesIn = async ({ tenant, from, to }: Part, signal: AbortSignal): Promise<PartProxies | undefined> => {
    const all = await proxyServices(reader, tenant, signal)
    if (all.length === 0) return undefined
    const when = startsIn([{ start: nanosOf(from), end: nanosOf(to) }])
    const names = all.map(({ service }) => service)
    return {
      pure: all.flatMap(({ service, isPure }) => (isPure ? [service] : [])),
      spawning: await spawningServices(reader, tenant, when, names, signal),
    }
  }

  const sumMinutes = async (part: Part, buckets: number, signal: AbortSignal): Promise<void> => {
    try {
      const joining = { pass: nextPass(), buckets, proxies: await proxiesIn(part, signal) }
      const isJoined = keepsCalls && part.from >= now() / 1000 - callsKeptSeconds
      if (isJoined) await run(callsOfSlots(part, joining), signal)
      await run(minutesOf(part, joining, isJoined), signal)
      passes.inc({ of: 'minutes' })
    } catch (error) {
      // It stands in the way of nothing else.
      if (signal.aborted || !(error instanceof AppError && ['OVERLOADED', 'TIMEOUT'].includes(error.code))) throw error
      log.warn({ ...part, error: error.message }, 'some minutes cannot be summed up now: their spans answer for them')
      for (let start = part.from; start < part.to; start += slotSeconds) {
        putOff.set(keyOf(part.tenant, start), now() + putOffMs)
      }
    }
  }

  /** Sums up one thing. Returns whether there was one. */
  const step = async (progress: Progress, signal: AbortSignal): Promise<boolean> => {
    const hours = await openHours(reader, 'true', {}, signal)
    waiting.set(hours.flatMap(({ slots }) => slots.filter(({ stale }) => stale)).length)
    const next = nextOf(hours, progress)
    if (next === undefined || !owns()) return false
    if ('hour' in next) {
      await run(hourOf(next.hour.tenant, next.hour.start, nextPass()), signal)
      passes.inc({ of: 'hour' })
      return true
    }
    let { part } = next
    let spans = await spansIn(part, signal)
    if (spans > mostSpans && part.to - part.from > slotSeconds) {
      part = { ...part, from: part.to - slotSeconds }
      spans = await spansIn(part, signal)
    }
    await sumMinutes(part, spans <= mostSpans ? 1 : 2 ** Math.ceil(Math.log2(spans / mostSpans)), signal)
    return true
  }

  const sweep = async (signal: AbortSignal): Promise<void> => {
    const begun = performance.now()
    while (owns() && performance.now() - begun < sweepMs) {
      const worked = performance.now()
      const progress = await look(signal)
      if (progress === undefined || !(await step(progress, signal))) return
      await pause((performance.now() - worked) * restFactor, undefined, { signal })
    }
  }

  return createSweeping({
    sweep,
    everyMs,
    withinMs: 2 * sweepMs,
    failed: 'minutes could not be summed up; trying again',
    log,
  })
}
