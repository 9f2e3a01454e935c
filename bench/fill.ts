import { setTimeout as pause } from 'node:timers/promises'
import { Command, InvalidArgumentError } from 'commander'
import { notNegative } from './arguments.ts'
import { nativeBlocks } from './blocks.ts'
import { fixed } from './report.ts'
import { type RunningStore, startStore } from './store.ts'
import { besideBareSql } from './yardstick.ts'

interface Given {
  readonly data: string
  readonly hours: number
  readonly questions: number
}

/** `20m`, `500k` or a plain number. */
function parseCount(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([km]?)$/i.exec(text)
  if (!match) throw new InvalidArgumentError('Expected a number of spans such as 20m or 500k.')
  return Math.floor(Number(match[1]) * { '': 1, k: 1e3, m: 1e6 }[match[2]?.toLowerCase() as '' | 'k' | 'm'])
}

/** Spans that are generated; all others are copies of these with other ids and times. */
const generated = 200_000

new Command('bench:fill')
  .description('fills a store: generated traces, multiplied inside the engine under other ids and times, up to now')
  .argument('[spans]', 'how many, such as 20m', parseCount, 20_000_000)
  .option('--data <folder>', 'the data folder of a weft that does not run', './weft-data')
  .option('--hours <hours>', 'the time over which they are spread, the last hour included', notNegative, 5)
  .option(
    '--questions <n>',
    "afterwards, ask each of the API's questions so often, and bare SQL beside it",
    notNegative,
    0,
  )
  .action(async (spans: number, given: Given) => {
    const store = await startStore(given.data)
    try {
      await fill(store, spans, given.hours)
    } finally {
      await store.stop()
    }
    if (given.questions > 0) process.stdout.write(await besideBareSql(given.data, given.questions))
  })
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`bench:fill: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  })

async function fill(store: RunningStore, spans: number, hours: number): Promise<void> {
  const begun = performance.now()
  const copies = Math.max(1, Math.round(spans / generated))
  const slice = (hours * 3600) / copies
  const now = BigInt(Date.now()) * 1_000_000n
  const logId = `fill-${now}`
  const shift = (copy: number) => BigInt(Math.round(copy * slice * 1e9))
  // The base is the newest slice, made by the transcoder and inserted as ingest does; the copies lie before it.
  const blocks = nativeBlocks({
    spans: Math.min(spans, generated),
    spread: slice,
    attributes: 'bench',
    rounds: 1,
    endOf: () => now - 60_000_000_000n,
    logId,
  })
  for await (const { table, bytes } of blocks) await store.insert(table, bytes)
  const base = `_queue_log = '${logId}'`
  const names = (await store.ask('DESCRIBE TABLE spans')).map(([name = '']) => name)
  for (let copy = 1; copy < copies; copy++) {
    const changed = changes(copy, shift(copy), `${logId}-copies`)
    const columns = names.map((name) => changed[name] ?? `\`${name}\``)
    await store.ask(
      `INSERT INTO spans (${names.map((name) => `\`${name}\``).join()}) SELECT ${columns.join()} FROM spans WHERE ${base}`,
      { max_insert_threads: '1', min_insert_block_size_rows: '1000000', min_insert_block_size_bytes: '0' },
    )
    if (copy % 10 === 0) process.stdout.write(`${copy} of ${copies} copies, ${seconds(begun)} s\n`)
  }
  const filled = await store.askNumber(`SELECT count() FROM spans WHERE startsWith(_queue_log, '${logId}')`)
  process.stdout.write(`${filled} spans after ${seconds(begun)} s; waiting for merges\n`)
  await merged(store)
  const bytes = await store.askNumber(
    "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'spans'",
  )
  process.stdout.write(`${fixed(bytes, 1)} B of disk a span; ready after ${seconds(begun)} s\n`)
}

/**
 * What is another in a copy: ids hashed with its number (alike for span and parent, so that traces stay whole), times
 * moved back, customers and sessions of its own. Ids in links are not changed.
 */
function changes(copy: number, back: bigint, logId: string): Readonly<Record<string, string>> {
  return {
    trace_id: `sipHash128(trace_id, ${copy})`,
    span_id: `sipHash64(span_id, ${copy})`,
    parent_span_id: `if(parent_span_id = 0, 0, sipHash64(parent_span_id, ${copy}))`,
    start_ns: `start_ns - ${back}`,
    received_at: `received_at - toIntervalNanosecond(${back})`,
    'events.time_ns': `arrayMap(time -> time - ${back}, \`events.time_ns\`)`,
    attributes_string: `mapApply((key, value) -> (key, multiIf(key = 'session.id', concat('s-', substring(lower(hex(sipHash64(value, ${copy}))), 3)), key = 'customer.id', concat(value, '-${copy % 50}'), value)), attributes_string)`,
    request_id: `sipHash64(request_id, ${copy})`,
    _queue_log: `'${logId}'`,
    _queue_offset: `_queue_offset + ${copy}000000`,
  }
}

/** Until the number of parts has not changed for 10 s, 10 minutes at most. */
async function merged(store: RunningStore): Promise<void> {
  const begun = performance.now()
  for (let last = -1, changed = begun; performance.now() - changed < 10_000 && performance.now() - begun < 600_000;) {
    const cpu = store.cpuSeconds()
    await pause(1_000)
    const parts = await store.askNumber("SELECT count() FROM system.parts WHERE active AND table = 'spans'")
    if (parts !== last || store.cpuSeconds() - cpu > 0.3) changed = performance.now()
    last = parts
  }
}

const seconds = (begun: number): string => fixed((performance.now() - begun) / 1000, 0)
