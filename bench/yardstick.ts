import { join } from 'node:path'
import { Command } from 'commander'
import { messageOf } from '../base/errors.ts'
import { silentLog } from '../base/log.ts'
import { Engine } from '../store/embedded/engine.ts'
import { ask } from './clickhouse.ts'
import { askOnce, questionsAbout, subjectOf, type Subject } from './questions.ts'
import { fixed, table } from './report.ts'
import { startWeft, summedUp } from './weft.ts'

/** A way to ask: once, and the CPU ms used so far by whoever answers. */
interface Way {
  once(): Promise<unknown>
  cpu(): number
}

interface Cost {
  /** p50. */
  readonly wall: number
  /** The mean, since the system counts in steps of 10 ms. */
  readonly cpu: number
}

/** Name of one of the API's questions, and the bare SQL that does its essential work: no margins, names, ids as text. */
type Yardstick = readonly [name: string, sql: string]

/**
 * What the layout was chosen by: the SQL that the API's question cannot do without. The ratio between both, in one run on
 * one store, is the API's own; the rest is the machine's.
 */
function yardsticksAbout({ trace, session, first, hourAgo, end }: Subject): readonly Yardstick[] {
  const since = (start: bigint) => `start_ns >= ${start} AND start_ns < ${end}`
  const found = 'trace_id, span_id, start_ns, duration_ns'
  const services = (start: bigint) =>
    `SELECT service, count(), countIf(status = 2), quantilesExact(0.5, 0.99)(duration_ns)
     FROM weft.spans WHERE ${since(start)} GROUP BY service`
  const topology = (start: bigint) =>
    `SELECT caller.service, callee.service, count(), countIf(status = 2), quantilesExact(0.5, 0.99)(duration_ns)
     FROM (SELECT span_id, service, status, duration_ns FROM weft.spans WHERE ${since(start)} AND kind = 3) AS caller
     JOIN (SELECT parent_span_id, service FROM weft.spans WHERE ${since(start)} AND kind = 2) AS callee
       ON caller.span_id = callee.parent_span_id
     GROUP BY 1, 2`
  const rare = (start: bigint) =>
    `SELECT ${found} FROM weft.spans WHERE ${since(start)}
     AND has(mapValues(attributes_string), '${session}') AND attributes_string['session.id'] = '${session}'`
  return [
    [
      'trace by id, no time given',
      `SELECT span_id, parent_span_id, service, name, kind, start_ns, duration_ns, status
       FROM weft.spans WHERE trace_id = unhex('${trace}')`,
    ],
    ['services, 1 h', services(hourAgo)],
    ['services, all', services(first)],
    ['topology, 1 h', topology(hourAgo)],
    ['topology, all', topology(first)],
    [
      'slowest 20 traces, 1 h',
      `SELECT ${found} FROM weft.spans WHERE ${since(hourAgo)} ORDER BY duration_ns DESC LIMIT 20`,
    ],
    ['rare attribute value, 1 h', rare(hourAgo)],
    ['rare attribute value, all', rare(first)],
    [
      'service + attribute + duration, newest 20, 1 h',
      `SELECT ${found} FROM weft.spans WHERE ${since(hourAgo)} AND service = 'pricing' AND duration_ns >= 2000000
       AND attributes_string['customer.group'] = 'reseller' ORDER BY start_ns DESC LIMIT 20`,
    ],
    [
      'attribute keys, 1 h',
      `SELECT arrayJoin(attributes_string.keys) AS key, count() FROM weft.spans WHERE ${since(hourAgo)} GROUP BY key`,
    ],
  ]
}

async function cost(way: Way, times: number): Promise<Cost> {
  await way.once()
  const took: number[] = []
  const before = way.cpu()
  for (let i = 0; i < times; i++) {
    const begun = performance.now()
    await way.once()
    took.push(performance.now() - begun)
  }
  return { wall: took.sort((a, b) => a - b)[times >> 1] ?? 0, cpu: (way.cpu() - before) / times }
}

/** The longest are refused for time on a machine that is busy, or for memory on a large store: said, and the others are asked. */
async function ifServed(way: Way, times: number): Promise<Cost | undefined> {
  try {
    return await cost(way, times)
  } catch (error) {
    process.stderr.write(`${messageOf(error).slice(0, 400)}\n`)
    return undefined
  }
}

/**
 * Asks the API's questions, and beside each its yardstick: over the embedded server, and in a chDB session of this
 * process once weft has stopped. Returns a table: p50 of the wall time and CPU of whoever runs the engine, in ms.
 */
export async function besideBareSql(data: string, times: number): Promise<string> {
  const weft = await startWeft(data, ['--retention', '3650d'])
  const measured: { name: string; api: Cost | undefined; bare: Cost | undefined }[] = []
  let yardsticks: ReadonlyMap<string, string>
  try {
    await summedUp(weft)
    const subject = await subjectOf(weft)
    yardsticks = new Map(yardsticksAbout(subject))
    const cpu = () => weft.usage().store.cpuSeconds * 1000
    for (const [name, url] of questionsAbout(weft, subject)) {
      const sql = yardsticks.get(name)
      const bare = sql === undefined ? undefined : await ifServed({ once: () => ask(weft.clickhouse, sql), cpu }, times)
      const api = await ifServed({ once: () => askOnce(name, url), cpu }, times)
      const row = { name, api, bare }
      measured.push(row)
      process.stderr.write(`${JSON.stringify(row)}\n`)
    }
  } finally {
    await weft.stop()
  }
  const engine = new Engine({
    folder: join(data, 'store'),
    database: 'weft',
    maxMemoryBytes: 2 ** 30,
    sessions: { owner: 0, guest: 0, insert: 0 },
    moreConfig: '',
    maxWaitMs: 0,
    log: silentLog,
  })
  const cpu = () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  const direct = new Map<string, Cost>()
  try {
    for (const [name, sql] of yardsticks) {
      const served = await ifServed({ once: async () => engine.ask(sql), cpu }, times)
      if (served) direct.set(name, served)
    }
  } finally {
    await engine.close(AbortSignal.timeout(10_000))
  }
  const ms = (value: number | undefined) => (value === undefined ? '' : fixed(value, 0))
  const ratio = (api: number | undefined, bare: number | undefined) =>
    api === undefined || bare === undefined ? '' : fixed(api / bare, 1)
  return table(
    ['question, ms', 'wall', 'CPU', 'bare SQL: wall', 'CPU', 'in process: wall', 'CPU', 'API / bare: wall', 'CPU'],
    measured.map(({ name, api, bare }) => [
      name,
      ...[api?.wall, api?.cpu, bare?.wall, bare?.cpu, direct.get(name)?.wall, direct.get(name)?.cpu].map(ms),
      ratio(api?.wall, bare?.wall),
      ratio(api?.cpu, bare?.cpu),
    ]),
  )
}

if (import.meta.main) {
  await new Command('bench:questions')
    .description("the API's questions on a filled store, and bare SQL that does the essential work of each beside it")
    .option('--data <folder>', 'the data folder of a weft that does not run', './weft-data')
    .option('--times <n>', 'how often each is asked', Number, 9)
    .action(async (given: { readonly data: string; readonly times: number }) => {
      process.stdout.write(await besideBareSql(given.data, given.times))
    })
    .parseAsync()
}
