import { createBlockBuilder } from '../../ingest/blocks/builder.ts'
import { createIngest } from '../../ingest/ingest.ts'
import { createSetAside } from '../../ingest/set-aside.ts'
import { createAgeRetention } from '../../store/age-retention.ts'
import type { ClickHouseOptions } from '../clickhouse-options.ts'
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
/** The process itself, and what is read off the queue. */
const baseBytes = 192 * MiB
/** The columns of a block of 64 MiB, whose buffers grow by doubling. */
const builderBytes = 144 * MiB
/** Of one request in the window of resent ones. */
const entryBytes = 24

/** How many blocks are in memory at a time, and how many requests a partition remembers. */
function shares(memory: number): { readonly maxBuilders: number; readonly windowEntries: number } {
  return {
    maxBuilders: Math.max(Math.floor((memory - baseBytes) / builderBytes), 2),
    windowEntries: 2 ** Math.floor(Math.log2(memory / 8 / entryBytes)),
  }
}

/** Queue in, ClickHouse blocks out; makes the tables of a store that is not our own, and forgets its oldest days. */
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
  const queue = await createQueueReader(options, context)
  await queue.open(signal)
  const ingest = createIngest({
    queue,
    store: store.writer,
    newBuilder: createBlockBuilder,
    ...shares(options.memory),
    setAside: createSetAside({ folder: folders.setAside, store: store.writer }),
    log,
    metrics,
  })
  await ingest.open(signal)
  await retention?.open(signal)
  return {
    facts: {},
    health: () => {
      const own = ingest.health()
      if (!own.ok) return own
      const queued = queue.health()
      return queued.ok && retention ? retention.health() : queued
    },
    async close(deadline) {
      await retention?.close(deadline)
      await ingest.close(deadline)
      await queue.close(deadline)
      await store.close()
    },
  }
}
