import type { TimeWindow } from '../http/times.ts'
import { startsIn } from '../../rollup/calls.ts'
import { all, type Asker } from '../questions/ask.ts'
import { type Folding, foldingOf, toldAs } from '../questions/proxies.ts'
import { approximately, figuresOfSums, type Pieces, piecesOf, sumsOf } from '../questions/rolled.ts'
import { decodeFigures, figuresOf, inWindow, requestsOf, timeOfSpans, windowParams } from '../questions/spans.ts'
import { stepLength, Steps } from '../questions/steps.ts'
import { isWeighed } from '../questions/weighed.ts'
import type { Proxies, ServiceAnswer } from '../types.ts'

/** As many as can be told apart in charts side by side. */
const mostSteps = 120
const minute = 60_000_000_000n
/** Lengths of steps in minutes that divide a day; longer ones are whole days. */
const minutesOfSteps = [1, 2, 3, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440]

/** The requests of a service over the whole steps of a window, at each. Wide windows come from sums. */
export async function serviceSeries(
  asker: Asker,
  window: TimeWindow,
  service: string,
  proxies: Proxies = 'folded',
): Promise<ServiceAnswer> {
  const wide = stepsOfMinutes(window)
  const pieces = await piecesOf(asker, wide.window, wide.steps.length % (60n * minute) === 0n ? 'hour' : 'minute')
  const steps = pieces ? wide.steps : Steps.over(window, stepLength(window, mostSteps))
  const whole = pieces ? wide.window : steps.window
  const folding = await foldingOf(asker, whole, pieces, proxies)
  const weighed = await isWeighed(asker, whole, pieces)
  const rows = await all(asker, {
    name: 'service_series',
    sql: `${pieces ? fromSums(pieces, wide, folding) : fromSpans(steps, whole, folding, weighed)} GROUP BY step ORDER BY step`,
    params: { ...windowParams(whole), ...folding?.params, services: folding?.namesOf(service) ?? [service] },
    maxRows: steps.count,
    decode: (row) => ({
      step: Number(row[0]),
      spans: Number(row[1]),
      busy: Number(row[2]),
      ...decodeFigures(row, 3, whole),
    }),
  })
  const at = new Map(rows.map((row) => [row.step, row]))
  const each = <T>(of: (row: (typeof rows)[number] | undefined) => T): T[] =>
    Array.from({ length: steps.count }, (_, step) => of(at.get(step)))
  return {
    ...windowParams(whole),
    ...approximately(pieces),
    proxies: await toldAs(asker, folding, proxies),
    service,
    step: steps.length.toString(),
    times: Array.from({ length: steps.count }, (_, step) => steps.end(step).toString()),
    spans: each((row) => row?.spans ?? 0),
    requests: each((row) => row?.requests ?? 0),
    errors: each((row) => row?.errors ?? 0),
    ...(rows.some(({ kept }) => kept !== undefined) ? { kept: each((row) => row?.kept ?? row?.requests ?? 0) } : {}),
    p50: each((row) => row?.p50 ?? null),
    p90: each((row) => row?.p90 ?? null),
    p99: each((row) => row?.p99 ?? null),
    busyNanos: rows.reduce((sum, { busy }) => sum + busy, 0),
  }
}

const ofService = 'service IN {services:Array(String)}'

const fromSpans = (steps: Steps, window: TimeWindow, folding: Folding | undefined, weighed: boolean): string => {
  const { spans, request } = requestsOf(`${inWindow} AND ${ofService}`, folding?.request(startsIn([window]), ofService))
  return `SELECT ${steps.sql} AS step, count(), ${timeOfSpans(request, weighed)},
    ${figuresOf(request, weighed)} FROM ${spans}`
}

interface WideSteps {
  readonly steps: Steps
  /** What they hold when each begins with its first nanosecond, as minutes and hours do. */
  readonly window: TimeWindow
}

/** Steps of whole minutes that cover a window. */
function stepsOfMinutes(window: TimeWindow): WideSteps {
  const least = Number((window.end - window.start) / minute) / mostSteps
  const day = 1440
  const length = minutesOfSteps.find((minutes) => minutes >= least) ?? Math.ceil(least / day) * day
  const steps = Steps.over(window, BigInt(length) * minute)
  return { steps, window: { start: steps.origin, end: steps.end(steps.count - 1) } }
}

function fromSums(pieces: Pieces, { steps }: WideSteps, folding: Folding | undefined): string {
  const stepOf = (nanos: string) => `toUInt32(intDiv(${nanos} - ${steps.origin}, ${steps.length}))`
  const step = {
    name: 'step',
    ofSums: stepOf('toUInt64(toUnixTimestamp(start)) * 1000000000'),
    ofSpans: stepOf('start_ns'),
  }
  return `SELECT step, sum(spans), sum(total_ns), ${figuresOfSums} 
    FROM ${sumsOf(pieces, 'service', step, ofService, folding)}`
}
