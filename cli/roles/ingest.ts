import { createBlockBuilder } from '../../ingest/blocks/builder.ts'
import { createIngest } from '../../ingest/ingest.ts'
import { createSetAside } from '../../ingest/set-aside.ts'
import { createRollup } from '../../rollup/rollup.ts'
import { createAgeRetention } from '../../store/age-retention.ts'
import type { ClickHouseOptions } from '../clickhouse-options.ts'
import { watchFirstPartition } from '../first-partition.ts'
import { foldersOf } from '../folders.ts'
import type { KafkaGroupFlags } from '../kafka-options.ts'
import { createQueueReader } from '../queue.ts'
import type { RoleContext, RunningRole } from '../role.ts'
import { bringUpToDate, storeOf } from '../store.ts'

export interface IngestRoleOptions extends ClickHouseOptions, KafkaGroupFlags {
  readonly data: string
  readonly memory: number
  /** Days to keep; undefined: all. */
  readonly retention?: number
  /** Of the embedded store, where that is ClickHouse: it looks after its tables and days itself. */
  readonly storeFolder?: string
}

const MiB = 2 ** 20
/** The process itself. */
const baseBytes = 160 * MiB
/** The columns of a block of 48 MiB and one request more: buffers grow by doubling, and the largest then takes 64 MiB. */
const builderBytes = 112 * MiB
/** Of one request in the window of resent ones. */
const entryBytes = 24

/**
 * What is read off the queue and not in a block yet, how many blocks are in memory at a time, and how many requests are
 * remembered: of all partitions together.
 */
function shares(memory: number) {
  const [buffered, window] = [memory / 16, memory / 8]
  return {
    bufferedBytes: buffered,
    maxBuilders: Math.max(Math.floor((memory - baseBytes - buffered - window) / builderBytes), 2),
    windowEntries: Math.floor(window / entryBytes),
  }
}

/**
 * Queue in, ClickHouse blocks out; the owner of the first partition sums up what is stored. Of a store that is not our own
 * it makes the tables, and forgets the oldest days.
 */
export async function startIngest(options: IngestRoleOptions, context: RoleContext): Promise<RunningRole> {
  const { log, metrics, signal } = context
  const folders = foldersOf(options.data)
  const store = storeOf(options, log, options.storeFolder)
  const isElsewhere = !options.storeFolder
  if (isElsewhere) await bringUpToDate(store, log, signal)
  const retention =
    isElsewhere && options.retention !== undefined
      ? createAgeRetention({ store, retentionDays: options.retention, log })
      : undefined
  const { bufferedBytes, ...limits } = shares(options.memory)
  const queue = await createQueueReader({ ...options, bufferedBytes }, context)
  await queue.open(signal)
  const { assignments, ownsFirst } = watchFirstPartition(queue)
  const ingest = createIngest({
    queue: { assignments },
    store: store.writer,
    newBuilder: createBlockBuilder,
    ...limits,
    setAside: createSetAside({ folder: folders.setAside, store: store.writer }),
    log,
    metrics,
  })
  const keepsCalls = store.cluster === undefined
  const rollup = createRollup({ reader: store.reader, statements: store, owns: ownsFirst, keepsCalls, log, metrics })
  await ingest.open(signal)
  await retention?.open(signal)
  await rollup.open(signal)
  return {
    facts: {},
    health: () => {
      const own = ingest.health()
      if (!own.ok) return own
      const parts = [queue, ...(retention ? [retention] : []), rollup]
      return parts.map((part) => part.health()).find(({ ok }) => !ok) ?? own
    },
    async close(deadline) {
      await rollup.close(deadline)
      await retention?.close(deadline)
      await ingest.close(deadline)
      await queue.close(deadline)
      await store.close()
    },
  }
}
