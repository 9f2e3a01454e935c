import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Command, InvalidArgumentError } from 'commander'
import { statements as v1 } from '../store/schema/v1.ts'
import { statements as v3 } from '../store/schema/v3.ts'
import { type NativeBlock, nativeBlocks } from './blocks.ts'
import { fixed, quantile, table } from './report.ts'
import { type RunningStore, startStore } from './store.ts'

interface Given {
  readonly blocks: number
  readonly rows: number
  readonly repeat: number
  readonly apart: number
  readonly live?: number
  readonly only?: string
}

const whole = (text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Expected a whole number above 0.')
  return value
}

new Command('bench:schema')
  .description(
    'what the table of spans costs as it is, and under alternatives: each in a table of its own, the same blocks',
  )
  .option('--blocks <n>', 'blocks, one for each minute', whole, 10)
  .option('--rows <n>', 'spans a block', whole, 100_000)
  .option('--repeat <n>', 'how often all of it is done; medians are printed', whole, 1)
  .option('--apart <seconds>', 'how far apart the blocks lie', whole, 60)
  .option('--live <n>', 'instead: insert n blocks while merges run, until all is quiet', whole)
  .option('--only <names>', 'alternatives whose names contain one of these, by commas (and the schema as it is)')
  .action(async (given: Given) => {
    const data = await mkdtemp(join(tmpdir(), 'weft-bench-schema-'))
    const store = await startStore(data, ['--store-memory', '4GiB'])
    try {
      await compare(store, given)
    } finally {
      await store.stop()
      await rm(data, { recursive: true, force: true, maxRetries: 3 })
    }
  })
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`bench:schema: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  })

type Alternative = readonly [name: string, change: (ddl: string) => string]

const order = (key: string) => (ddl: string) => ddl.replace(/ORDER BY \(.*\)$/m, `ORDER BY (${key})`)
const noSync = (ddl: string) => ddl.replace(/, (min_rows_to_)?fsync_[a-z_]+ = 1/g, '')
/** A setting of the table, instead of the one that it has of the same name. */
const setting = (name: string, value: string) => (ddl: string) =>
  `${ddl.replace(new RegExp(`,\\s*${name} = [^,\\s]+`), '')}, ${name} = ${value}`
const without = (index: string) => (ddl: string) => ddl.replace(new RegExp(`^ *INDEX ${index} .*?,?$`, 'm'), '')
const noIndex = (ddl: string) => ddl.replaceAll(/^ *INDEX .*$/gm, '').replace(/,(\s*)\) ENGINE/, '$1) ENGINE')
const codec = (columns: readonly string[], of: string) => (ddl: string) =>
  columns.reduce(
    (text, column) =>
      text.replace(new RegExp(`^(  \`?${column}\`? [^\\n]*?)( CODEC\\([^\\n]*\\))?,$`, 'm'), `$1${of},`),
    ddl,
  )
/** The table of spans as the last version of the schema has it. */
const present = v3.reduce(
  (ddl, statement) => {
    const [, column = '', of = ''] = /^ALTER TABLE spans MODIFY COLUMN (\w+) \w+( CODEC\(.*\))$/.exec(statement) ?? []
    const [, added] = /^ALTER TABLE spans ADD COLUMN IF NOT EXISTS (.*) AFTER/.exec(statement) ?? []
    if (added !== undefined) return ddl.replace('  moved UInt32,', `  ${added},\n  moved UInt32,`)
    return column === '' ? ddl : codec([column], of)(ddl)
  },
  v1.find((statement) => /^CREATE TABLE (IF NOT EXISTS )?spans \(/.test(statement)) ?? '',
)
const allColumns = [...present.matchAll(/^ {2}`?([a-z_.]+)`? /gm)].map(([, name = '']) => name)
const key = 'tenant, intDiv(start_ns, 60000000000), service, name'

const asItIs = 'as it is'

/** One change each, against the schema without fsync: so they compare. */
const alternatives: readonly Alternative[] = [
  [asItIs, (ddl) => ddl],
  ['without fsync', noSync],
  ['wide parts from 10 MB on', setting('min_bytes_for_wide_part', '10485760')],
  ['compact parts below 16 MiB', setting('min_bytes_for_wide_part', '16777216')],
  ['compact parts below 1 GiB', setting('min_bytes_for_wide_part', '1073741824')],
  ['no vertical merges', setting('enable_vertical_merge_algorithm', '0')],
  ['merge base 10', setting('merge_selector_base', '10')],
  ['statistics as by default', (ddl) => ddl.replace(/,\s*auto_statistics_types = ''/, '')],
  ['no sparse columns', setting('ratio_of_defaults_for_sparse_serialization', '1')],
  [
    'maps of merged parts in 3 buckets',
    (ddl) =>
      `${ddl}, map_serialization_version = 'with_buckets', map_buckets_strategy = 'constant', max_buckets_in_map = 3, map_buckets_min_avg_size = 0`,
  ],
  ['strings in one stream, with their lengths', setting('string_serialization_version', "'single_stream'")],
  ['all columns ZSTD(1)', codec(allColumns, ' CODEC(ZSTD(1))')],
  ['attribute maps ZSTD(1), the rest LZ4', codec(['attributes_string', 'attributes_int'], ' CODEC(ZSTD(1))')],
  ['provenance columns LZ4', codec(['received_at', 'request_id', '_queue_offset'], '')],
  ['provenance columns Delta, LZ4', codec(['received_at', 'request_id', '_queue_offset'], ' CODEC(Delta(8), LZ4)')],
  ['ids uncompressed (NONE)', codec(['trace_id', 'span_id', 'parent_span_id'], ' CODEC(NONE)')],
  ['start_ns Delta, LZ4', codec(['start_ns'], ' CODEC(Delta(8), LZ4)')],
  ['start_ns and duration_ns LZ4', codec(['start_ns', 'duration_ns'], '')],
  ['key with start_ns at its end', order(`${key}, start_ns`)],
  ['key: service, name, minute', order('tenant, service, name, intDiv(start_ns, 60000000000)')],
  ['key: minute only', order('tenant, intDiv(start_ns, 60000000000)')],
  ['no bloom filter on int values', without('idx_attribute_int')],
  ['no bloom filter on string values', without('idx_attribute_string')],
  ['no bloom filter on the hex trace id', without('idx_trace_id_hex')],
  ['no index at all', noIndex],
  [
    'bloom filters of attributes, granularity 4',
    (ddl) => ddl.replaceAll(/(INDEX idx_attribute_.* GRANULARITY) 1/g, '$1 4'),
  ],
]

function ddlOf(name: string, change: Alternative[1]): string {
  const ddl = name === asItIs ? present : change(noSync(present))
  if (ddl === present && name !== asItIs) throw new Error(`BUG: ${name} changes nothing`)
  return ddl.replace(/^CREATE TABLE (IF NOT EXISTS )?spans/, 'CREATE TABLE alternative')
}

interface Measured {
  readonly insert: number
  readonly bytes: number
  readonly merge: number
  readonly merged: number
  readonly queries: readonly number[]
}

async function compare(store: RunningStore, given: Given): Promise<void> {
  const now = BigInt(Date.now()) * 1_000_000n
  const apart = BigInt(given.apart) * 1_000_000_000n
  const blocks: NativeBlock[] = []
  const made = nativeBlocks({
    spans: given.rows,
    spread: given.apart,
    attributes: 'bench',
    instances: 1,
    rounds: given.blocks,
    endOf: (round) => now - BigInt(given.blocks - 1 - round) * apart,
    logId: 'schema',
  })
  for await (const block of made) if (block.table === 'spans') blocks.push(block)
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0)
  const wire = blocks.reduce((sum, block) => sum + block.bytes.length, 0)
  process.stdout.write(`${rows} spans in ${blocks.length} blocks, ${fixed(wire / rows, 0)} B of Native a span\n`)

  const wanted = given.only?.split(',')
  const chosen = alternatives.filter(([name], i) => i < 2 || !wanted || wanted.some((part) => name.includes(part)))
  if (given.live !== undefined) {
    const lines: string[][] = []
    for (let turn = 0; turn < given.repeat; turn++) {
      for (const [name, change] of chosen) {
        const live = await measureLive(store, ddlOf(name, change), blocks, given.live)
        lines.push([name, fixed(live.micros), String(live.parts), fixed(live.bytes, 1)])
        process.stderr.write(`${lines.at(-1)?.join(' ')}\n`)
      }
    }
    process.stdout.write(table(['alternative', 'insert and merges, µs', 'parts', 'B'], lines))
    return
  }
  const results = new Map<string, Measured[]>()
  for (let turn = 0; turn < given.repeat; turn++) {
    for (const [name, change] of chosen) {
      const measured = await measure(store, ddlOf(name, change), blocks, rows)
      results.set(name, [...(results.get(name) ?? []), measured])
      process.stderr.write(
        `${name}: ${JSON.stringify(measured, (_, value: unknown) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value))}\n`,
      )
    }
  }
  const median = (values: readonly number[]) =>
    quantile(
      values.toSorted((a, b) => a - b),
      0.5,
    )
  process.stdout.write(
    table(
      ['alternative', 'insert µs', 'B', 'merge µs', 'B merged', ...questions.map(([name]) => name)],
      [...results].map(([name, all]) => [
        name,
        fixed(median(all.map(({ insert }) => insert))),
        fixed(median(all.map(({ bytes }) => bytes)), 1),
        fixed(median(all.map(({ merge }) => merge))),
        fixed(median(all.map(({ merged }) => merged)), 1),
        ...questions.map((_, i) => fixed(median(all.map(({ queries }) => queries[i] ?? 0)), 0)),
      ]),
    ),
  )
}

const minutes = (count: number) => `start_ns >= (SELECT max(start_ns) FROM alternative) - ${count} * 60000000000`
const session = `(SELECT any(attributes_string['session.id']) FROM alternative WHERE service = 'pricing' AND attributes_string['session.id'] != '')`

/** What the API asks, in short; milliseconds of CPU. */
const questions: readonly (readonly [name: string, sql: string])[] = [
  [
    'trace by id',
    "SELECT count() FROM alternative WHERE trace_id = (SELECT any(trace_id) FROM alternative WHERE service = 'payment')",
  ],
  [
    'services',
    `SELECT service, count(), countIf(status = 2), quantilesExact(0.5, 0.9, 0.99)(duration_ns) FROM alternative WHERE ${minutes(5)} AND kind IN (2, 5) GROUP BY service`,
  ],
  [
    'rare value',
    `SELECT count() FROM alternative WHERE has(mapValues(attributes_string), ${session}) AND attributes_string['session.id'] = ${session}`,
  ],
  ['group by route', `SELECT http_route, count() FROM alternative WHERE ${minutes(5)} GROUP BY http_route`],
  [
    'service + attribute + duration',
    `SELECT trace_id FROM alternative WHERE service = 'pricing' AND attributes_string['customer.group'] = 'reseller' AND duration_ns > 2000000 AND ${minutes(5)} ORDER BY start_ns DESC LIMIT 20`,
  ],
  ['slowest 20', `SELECT trace_id FROM alternative WHERE ${minutes(5)} ORDER BY duration_ns DESC LIMIT 20`],
  [
    'topology',
    `SELECT a.service, b.service, count() FROM (SELECT span_id, service FROM alternative WHERE ${minutes(5)} AND kind = 3) a JOIN (SELECT parent_span_id, service FROM alternative WHERE ${minutes(5)} AND kind = 2) b ON a.span_id = b.parent_span_id GROUP BY 1, 2`,
  ],
]

async function measure(
  store: RunningStore,
  ddl: string,
  blocks: readonly NativeBlock[],
  rows: number,
): Promise<Measured> {
  await store.ask('DROP TABLE IF EXISTS alternative SYNC')
  await store.ask(ddl)
  await store.ask('SYSTEM STOP MERGES alternative')
  const perSpan = async (work: () => Promise<void>) => {
    await pause(300)
    const before = store.cpuSeconds()
    await work()
    return ((store.cpuSeconds() - before) * 1e6) / rows
  }
  const size = async () =>
    (await store.askNumber("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'alternative'")) / rows
  const insert = await perSpan(async () => {
    for (const { bytes } of blocks) await store.insert('alternative', bytes)
  })
  const bytes = await size()
  await store.ask('SYSTEM START MERGES alternative')
  const merge = await perSpan(async () => {
    await store.ask('OPTIMIZE TABLE alternative FINAL')
  })
  const merged = await size()
  const queries: number[] = []
  for (const [, sql] of questions) {
    const took: number[] = []
    for (let i = 0; i < 5; i++) {
      const before = store.cpuSeconds()
      for (let again = 0; again < 3; again++) await store.ask(sql, { use_query_condition_cache: '0' })
      took.push(((store.cpuSeconds() - before) * 1000) / 3)
    }
    queries.push(took.sort((a, b) => a - b)[2] ?? 0)
  }
  await store.ask('DROP TABLE alternative SYNC')
  return { insert, bytes, merge, merged, queries }
}

/** What inserting costs while merges run beside it, as in life, until they have come to an end. */
async function measureLive(
  store: RunningStore,
  ddl: string,
  blocks: readonly NativeBlock[],
  times: number,
): Promise<{ readonly micros: number; readonly parts: number; readonly bytes: number }> {
  await store.ask('DROP TABLE IF EXISTS alternative SYNC')
  await store.ask(ddl)
  const before = store.cpuSeconds()
  let rows = 0
  for (let i = 0; i < times; i++) {
    const block = blocks[i % blocks.length] as NativeBlock
    // A token of its own, or the table would drop a block that it has had.
    await store.insert('alternative', block.bytes, `live-${i}`)
    rows += block.rows
  }
  for (let quiet = 0; quiet < 3;) {
    const used = store.cpuSeconds()
    await pause(1_000)
    quiet = store.cpuSeconds() - used > 0.1 ? 0 : quiet + 1
  }
  const micros = ((store.cpuSeconds() - before) * 1e6) / rows
  const of = "FROM system.parts WHERE active AND table = 'alternative'"
  const parts = await store.askNumber(`SELECT count() ${of}`)
  const bytes = (await store.askNumber(`SELECT sum(bytes_on_disk) ${of}`)) / rows
  await store.ask('DROP TABLE alternative SYNC')
  return { micros, parts, bytes }
}
