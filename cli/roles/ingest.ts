import { createBlockBuilder } from '../../ingest/blocks/builder.ts'
import { createIngest } from '../../ingest/ingest.ts'
import { createSetAside } from '../../ingest/set-aside.ts'
import { createStore } from '../../store/client.ts'
import { foldersOf } from '../folders.ts'
import type { KafkaGroupFlags } from '../kafka-options.ts'
import { createQueueReader } from '../queue.ts'
import type { RoleContext, RunningRole } from '../role.ts'

export interface IngestRoleOptions extends KafkaGroupFlags {
  readonly data: string
  readonly clickhouseUrl: string
  readonly clickhouseUser: string
  readonly clickhousePassword: string
  /** Of the embedded store, where that is ClickHouse. */
  readonly storeFolder?: string
}

/** Queue in, ClickHouse blocks out. */
export async function startIngest(options: IngestRoleOptions, context: RoleContext): Promise<RunningRole> {
  const { log, metrics, signal } = context
  const folders = foldersOf(options.data)
  const store = createStore({
    url: options.clickhouseUrl,
    user: options.clickhouseUser,
    password: options.clickhousePassword,
    ...(options.storeFolder ? { folder: options.storeFolder } : {}),
    log,
  })
  const queue = await createQueueReader(options, context)
  await queue.open(signal)
  const ingest = createIngest({
    queue,
    store: store.writer,
    newBuilder: createBlockBuilder,
    setAside: createSetAside({ folder: folders.setAside, store: store.writer }),
    log,
    metrics,
  })
  await ingest.open(signal)
  return {
    facts: {},
    health: () => {
      const own = ingest.health()
      return own.ok ? queue.health() : own
    },
    async close(deadline) {
      await ingest.close(deadline)
      await queue.close(deadline)
      await store.close()
    },
  }
}
