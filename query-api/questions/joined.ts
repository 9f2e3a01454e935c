import { callsKeptSeconds, callsMark, slotSeconds } from '../../rollup/marks.ts'
import { readProgress } from '../../rollup/progress.ts'
import { floorTo, nanosOf, startsBetween } from '../../rollup/times.ts'
import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from './ask.ts'

/** A window in two kinds of pieces: those whose calls are kept as they were joined, and those of which only spans tell. */
export interface JoinedCalls {
  readonly raw: readonly TimeWindow[]
  /** SQL over rows of `calls`. */
  readonly kept: string
}

/** More make a longer statement than is good; it happens while the calls of many hours are being joined. */
const mostPieces = 100

const slotNanos = nanosOf(slotSeconds)

/**
 * Which calls of a window are joined already; undefined where none are.
 *
 * @param now ns since the epoch
 */
export async function joinedCallsOf(asker: Asker, window: TimeWindow, now: bigint): Promise<JoinedCalls | undefined> {
  const oldest = now - nanosOf(callsKeptSeconds)
  if (window.end <= oldest) return undefined
  const progress = await readProgress(asker.reader, asker.signal)
  if (progress === undefined) return undefined
  const from = Math.max(secondsOf(window.start > oldest ? window.start : oldest), progress.coveredFrom)
  const to = Math.min(secondsOf(window.end - 1n) + slotSeconds, progress.coveredTo)
  if (from >= to) return undefined
  const marks = await all(asker, {
    name: 'joined_calls',
    sql: `SELECT toUnixTimestamp(start), max(marks.pass), argMax(NOT stale AND name = '${callsMark}', marks.pass)
      FROM rollups AS marks
      WHERE subject = 'mark' AND seconds = ${slotSeconds} AND tenant = {tenant:String} AND ${startsBetween(from, to)}
      GROUP BY start ORDER BY start`,
    params: {},
    maxRows: callsKeptSeconds / slotSeconds + 1,
    decode: ([start, pass, isKept]) => ({ start: Number(start), pass: String(pass), isKept: Number(isKept) === 1 }),
  })
  const kept = marks.filter(({ isKept }) => isKept)
  if (kept.length === 0) return undefined
  // What has no mark had no span.
  const open = marks.flatMap(({ start, isKept }) =>
    isKept ? [] : [{ start: nanosOf(start), end: nanosOf(start + slotSeconds) }],
  )
  const raw: TimeWindow[] = []
  for (const piece of [{ start: window.start, end: nanosOf(from) }, ...open, { start: nanosOf(to), end: window.end }]) {
    const { start, end } = within(piece, window)
    const before = raw.at(-1)
    if (before?.end === start) raw[raw.length - 1] = { start: before.start, end }
    else if (start < end) raw.push({ start, end })
  }
  if (raw.length > mostPieces) return undefined
  const passes = kept.map(({ start, pass }) => `(${start / slotSeconds}, ${pass})`)
  return {
    raw,
    kept: `tenant = {tenant:String} AND start_ns >= ${window.start} AND start_ns < ${window.end}
      AND (intDiv(start_ns, ${slotNanos}), pass) IN (${passes.join()})`,
  }
}

const secondsOf = (nanos: bigint): number => floorTo(slotSeconds, Number(nanos / 1_000_000_000n))

const within = ({ start, end }: TimeWindow, window: TimeWindow): TimeWindow => ({
  start: start > window.start ? start : window.start,
  end: end < window.end ? end : window.end,
})
