import { callColumns, everyCall, sidesAsWritten, startsIn } from './calls.ts'
import { callsMark, countingPasses, hourSeconds, slotOfRow, slotSeconds } from './marks.ts'
import { linkPlace, linksOf, markedSpans, sayingsOf } from './proxies.ts'
import { callSums, spanSums, sumsOfCalls, sumsOfSpans } from './sums.ts'
import { dateTime, nanosOf, startsBetween } from './times.ts'

/** A statement with its bound values. */
export interface Statement {
  readonly sql: string
  readonly params: Readonly<Record<string, string | number | bigint | readonly string[]>>
}

/** Names of proxies: of those that no other spans come under, and of those with spans each way and one upstream. */
export interface PartProxies {
  readonly pure: readonly string[]
  readonly spawning: readonly string[]
}

/** What one pass is about: times from `from` on and before `to`, in seconds, of one day (UTC). */
export interface Part {
  readonly tenant: string
  readonly from: number
  readonly to: number
}

const columns = `tenant, subject, seconds, service, start, name, target, place, pass, stale, ${spanSums.join(', ')}, durations`
/** SQL, over rows of sums. */
const addedUp = `${spanSums.map((name) => `sum(${name})`).join(', ')}, sumMap(durations)`

/** What rows have that add up nothing. */
const noSums = `${spanSums.map(() => 0).join(', ')}, map()`

/** One block, so that the rows of a pass and its mark are one part: there together or not at all. */
const intoOneBlock = `insert_deduplicate = 0, max_insert_threads = 1, max_insert_block_size = 10000000,
  min_insert_block_size_rows = 10000000, min_insert_block_size_bytes = 4000000000, max_execution_time = 300,
  distributed_product_mode = 'global', ${sidesAsWritten}`

const markOf = (seconds: number, starts: string, name = ''): string =>
  `SELECT {tenant:String}, 'mark', ${seconds}, '', ${starts}, '${name}', '', '', {pass:UInt64}, false, ${noSums}`

/** How calls are joined. */
export interface Joining {
  readonly pass: bigint
  /** In so many pieces one after another, which takes twice the time and less memory; a power of two. */
  readonly buckets: number
  /** What is known of proxies, where there are some. */
  readonly proxies?: PartProxies | undefined
}

const inBuckets = ({ buckets }: Joining): string =>
  buckets === 1 ? '' : `, join_algorithm = 'grace_hash', grace_hash_join_initial_buckets = ${buckets}`

const whenOf = ({ from, to }: Part) => startsIn([{ start: nanosOf(from), end: nanosOf(to) }])

/** The calls of some slots from the spans themselves, into `calls`. They count once the mark of this pass is there. */
export function callsOfSlots(part: Part, joining: Joining): Statement {
  const { pass, proxies } = joining
  const columns = callColumns.join(', ')
  return {
    sql: `INSERT INTO calls (tenant, ${columns}, via, pass)
      SETTINGS insert_deduplicate = 0, min_insert_block_size_rows = 4000000, min_insert_block_size_bytes = 0,
        max_execution_time = 300, ${sidesAsWritten}${inBuckets(joining)}
      SELECT {tenant:String}, ${columns}, ${proxies ? 'via' : "''"}, {pass:UInt64}
      FROM ${everyCall(whenOf(part), proxies !== undefined)}`,
    params: { tenant: part.tenant, pass },
  }
}

/**
 * The sums of each minute of some slots from the spans themselves, and a mark for each slot.
 *
 * @param isJoined `callsOfSlots` has joined the calls, in this pass
 */
export function minutesOf(part: Part, joining: Joining, isJoined: boolean): Statement {
  const { tenant, from, to } = part
  const { pass, proxies } = joining
  const when = whenOf(part)
  const minute = { minute: dateTime('intDiv(start_ns, 60000000000) * 60') }
  const withProxies = proxies !== undefined
  const spanKeys = { ...minute, service: 'service', name: 'name', place: withProxies ? 'place' : "''" }
  const callKeys = { ...minute, source: 'source', target: 'target', place: 'place', via: withProxies ? 'via' : "''" }
  const links = `UNION ALL
      SELECT {tenant:String}, 'service', 60, proxy, minute, '', app, concat('${linkPlace}', evidence), {pass:UInt64}, false,
        ${noSums}
      FROM (SELECT proxy, app, evidence, ${dateTime('minute * 60')} AS minute
        FROM (${linksOf(when)} UNION ALL ${sayingsOf(when)}))`
  return {
    sql: `INSERT INTO rollups (${columns}) SETTINGS ${intoOneBlock}${isJoined ? '' : inBuckets(joining)}
      SELECT {tenant:String}, if(grouping(name) = 1, 'service', 'operation'), 60, service, minute, name, '',
        place, {pass:UInt64}, false, ${addedUp}
      FROM (${sumsOfSpans(spanKeys, proxies ? markedSpans(when, proxies.spawning.length > 0) : `spans WHERE ${when.inside}`)})
      GROUP BY GROUPING SETS ((service, minute, place), (service, minute, name, place))
      UNION ALL
      SELECT {tenant:String}, 'call', 60, source, minute, via, target, place, {pass:UInt64}, false, 0, 0, ${callSums.join(', ')}, durations
      FROM (${sumsOfCalls(callKeys, isJoined ? `calls WHERE ${when.inside} AND pass = {pass:UInt64}` : everyCall(when, withProxies))})
      ${withProxies ? links : ''}
      UNION ALL
      ${markOf(slotSeconds, dateTime(`arrayJoin(range(${from}, ${to}, ${slotSeconds}))`), isJoined ? callsMark : '')}`,
    params: { tenant, pass, ...(proxies ? { pureProxies: proxies.pure, spawning: proxies.spawning } : {}) },
  }
}

/** The sums of an hour from those of its minutes, and its mark. */
export function hourOf(tenant: string, start: number, pass: bigint): Statement {
  const within = `tenant = {tenant:String} AND ${startsBetween(start, start + hourSeconds)}`
  return {
    sql: `INSERT INTO rollups (${columns}) SETTINGS ${intoOneBlock}
      SELECT tenant, subject, ${hourSeconds}, service, ${dateTime(start)}, name, target, place, {pass:UInt64}, false,
        ${addedUp}
      FROM rollups
      WHERE ${within} AND subject != 'mark' AND seconds = 60
        AND (${slotOfRow}, pass) IN (${countingPasses(slotSeconds, within)})
      GROUP BY tenant, subject, service, name, target, place
      UNION ALL
      ${markOf(hourSeconds, dateTime(start))}`,
    params: { tenant, pass },
  }
}
