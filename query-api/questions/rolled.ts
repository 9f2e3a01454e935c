import { quantilesAt, relativeError } from '../../rollup/buckets.ts'
import { startsIn } from '../../rollup/calls.ts'
import { countingPasses, hourSeconds, openHours, slotOfRow, slotSeconds } from '../../rollup/marks.ts'
import { readProgress } from '../../rollup/progress.ts'
import { callSums, spanSums, sumsOfSpans } from '../../rollup/sums.ts'
import { floorTo, nanosOf, startsBetween } from '../../rollup/times.ts'
import type { TimeWindow } from '../http/times.ts'
import type { Asker } from './ask.ts'
import type { Folding } from './proxies.ts'

/** A window in two kinds of pieces: those whose sums are kept, and those of which only the spans can tell. */
export interface Pieces {
  readonly raw: readonly TimeWindow[]
  /** SQL over rows of `rollups`, of any subject: those to add up. */
  readonly kept: string
}

/** What an answer says of its percentiles. */
export const approximately = (pieces: Pieces | undefined): { relativeError: number } => ({
  relativeError: pieces === undefined ? 0 : relativeError,
})

/** Spans alone answer shorter windows, exactly. */
const shortest = 7_200_000_000_000n
/** More pieces than this make a longer statement than is good; it happens while the sums of many days are being made. */
const most = { raw: 100, slots: 2_000 }

const second = 1_000_000_000n
const seconds = (time: bigint): number => Number(time / second)
const ceilTo = (length: number, time: number): number => floorTo(length, time + length - 1)

/**
 * Which sums a window can be answered with; undefined where it is short, or none are kept.
 *
 * @param grain of the rows: hours wherever there are, or minutes alone
 */
export async function piecesOf(
  asker: Asker,
  window: TimeWindow,
  grain: 'hour' | 'minute' = 'hour',
): Promise<Pieces | undefined> {
  if (window.end - window.start < shortest) return undefined
  const { reader, tenant, signal } = asker
  const progress = await readProgress(reader, signal)
  if (progress === undefined) return undefined
  const from = Math.max(ceilTo(slotSeconds, seconds(window.start + second - 1n)), progress.coveredFrom)
  const to = Math.min(floorTo(slotSeconds, seconds(window.end)), progress.coveredTo)
  if (from >= to) return undefined
  const hours = { from: ceilTo(hourSeconds, from), to: floorTo(hourSeconds, to) }
  const open = await openHours(
    reader,
    `tenant = {tenant:String} AND ${startsBetween(floorTo(hourSeconds, from), ceilTo(hourSeconds, to))}`,
    { tenant },
    signal,
  )
  const byHour = new Map(open.map((hour) => [hour.start, hour.slots]))
  const isKeptHour = (start: number) =>
    grain === 'hour' && start >= hours.from && start < hours.to && !byHour.has(start)
  const stale = new Set(open.flatMap(({ slots }) => slots.filter((slot) => slot.stale).map(({ start }) => start)))
  const slots: number[] = []
  const raw: TimeWindow[] = []
  const add = (start: bigint, end: bigint) => {
    const before = raw.at(-1)
    if (before?.end === start) raw[raw.length - 1] = { start: before.start, end }
    else if (start < end) raw.push({ start, end })
  }
  add(window.start, nanosOf(from))
  for (let slot = from; slot < to; slot += slotSeconds) {
    const hour = floorTo(hourSeconds, slot)
    if (isKeptHour(hour)) slot = hour + hourSeconds - slotSeconds
    else if (stale.has(slot)) add(nanosOf(slot), nanosOf(slot + slotSeconds))
    else slots.push(slot)
  }
  add(nanosOf(to), window.end)
  if (raw.length > most.raw || slots.length > most.slots) return undefined
  const kept = [
    ...(grain === 'hour' && hours.from < hours.to
      ? [
          keptHours(
            hours,
            [...byHour.keys()].filter((start) => start >= hours.from && start < hours.to),
          ),
        ]
      : []),
    ...(slots.length > 0 ? [keptSlots(from, to, slots)] : []),
  ]
  return { raw, kept: `tenant = {tenant:String} AND (${kept.length === 0 ? 'false' : kept.join(' OR ')})` }
}

function keptHours({ from, to }: { from: number; to: number }, open: readonly number[]): string {
  const within = startsBetween(from, to)
  const passes = countingPasses(hourSeconds, `tenant = {tenant:String} AND ${within}`)
  const others = open.length === 0 ? '' : ` AND toUnixTimestamp(start) NOT IN (${open.join()})`
  return `seconds = ${hourSeconds} AND ${within}${others} AND (start, pass) IN (${passes})`
}

function keptSlots(from: number, to: number, slots: readonly number[]): string {
  const within = startsBetween(from, to)
  const passes = countingPasses(slotSeconds, `tenant = {tenant:String} AND ${within}`)
  return `seconds = 60 AND ${within} AND toUnixTimestamp(${slotOfRow}) IN (${slots.join()})
    AND (${slotOfRow}, pass) IN (${passes})`
}

/**
 * SQL, for FROM: `spanSums` and durations of pieces, by a key whose values may repeat.
 *
 * @param key its name, and SQL for it over a row of `rollups` and over one of `spans`
 * @param condition over a row of either
 * @param folding without it all requests count
 */
export function sumsOf(
  pieces: Pieces,
  subject: 'service' | 'operation',
  key: { readonly name: string; readonly ofSums: string; readonly ofSpans: string },
  condition = 'true',
  folding?: Folding,
): string {
  const sums = `${spanSums.join(', ')}, durations`
  const when = startsIn(pieces.raw)
  const ofRaw = sumsOfSpans(
    { [key.name]: key.ofSpans },
    folding === undefined
      ? `spans WHERE ${when.inside} AND ${condition}`
      : `(SELECT *, ${folding.request(when, condition === 'true' ? undefined : condition)} AS request FROM spans WHERE ${when.inside} AND ${condition})`,
    folding && 'request',
  )
  return `(SELECT ${key.ofSums} AS ${key.name}, ${folding === undefined ? sums : keptSums(folding)} FROM rollups
      WHERE subject = '${subject}' AND ${condition} AND ${pieces.kept}
    UNION ALL
    SELECT ${key.name}, ${sums} FROM (${ofRaw}))`
}

/** SQL: columns of `rollups`, without the requests that an application tells as well as its proxy. */
const keptSums = ({ isFoldedSum }: Folding): string =>
  `spans, span_errors, ${callSums.map((name) => `if(${isFoldedSum}, 0, rollups.${name}) AS ${name}`).join(', ')},
    if(${isFoldedSum}, map(), rollups.durations) AS durations`

/** SQL: what `figuresOf` selects of spans, of rows of sums. */
export const figuresOfSums = `sum(requests) AS requests, sum(errors), sum(measured),
  ${quantilesAt([0.5, 0.9, 0.99], 'sumMap(durations)', 'sum(measured)')}, sum(kept)`
