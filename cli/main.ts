import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { messageOf } from '../base/errors.ts'
import type { Address } from './address.ts'
import { type ClickHouseOptions, clickhousePassword, withClickHouse } from './clickhouse-options.ts'
import { addKafkaOptions } from './kafka-options.ts'
import * as options from './options.ts'
import { runRole, type RoleContext, type RoleOptions, type RunningRole } from './role.ts'
import type { CollectorRoleOptions } from './roles/collector.ts'
import type { IngestRoleOptions } from './roles/ingest.ts'
import type { StoreRoleOptions } from './roles/store.ts'
import type { QueryApiRoleOptions } from './roles/query-api.ts'
import { agentFolder, uiFolder, up, type UpOptions } from './up.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

/** All commands with their options; `run` parses the command line. */
export const weft = new Command('weft')
  .description('OpenTelemetry observability backend: from spans to their call chain')
  .version(version)
  .showHelpAfterError('(weft --help lists the options)')

const upCommand = weft
  .command('up')
  .description('run everything on this machine: collector, disk log, ingest, embedded ClickHouse, query API and web UI')
  .addOption(options.otlpHttp())
  .addOption(options.otlpGrpc())
  .addOption(options.http())
  .addOption(options.clickhouse())
  .addOption(options.data())
  .addOption(options.retention())
  .addOption(options.maxDisk())
  .addOption(options.queueSize())
  .addOption(options.storeMemory())
  .addOption(options.allowedHost())
  .addOption(options.allowedOrigin())
  .addOption(options.basePath())
  .addOption(options.selfTrace())
  .addOption(options.logLevel('warn'))
  .action((given: UpOptions) => up(given))
addKafkaOptions(upCommand, 'topic', 'group')

/**
 * A role as a subcommand. What it is made of is imported only when it runs: a collector does not load the engine.
 */
function role<Given extends RoleOptions>(
  name: string,
  description: string,
  start: (given: Given, context: RoleContext) => Promise<RunningRole>,
): Command {
  return weft
    .command(name)
    .description(description)
    .addOption(options.admin())
    .addOption(options.logLevel('info'))
    .action((given: Given) => runRole(name, given, (context) => start(given, context)))
}

type CollectorOptions = CollectorRoleOptions & RoleOptions
const collectorCommand = role<CollectorOptions>(
  'collector',
  'receive OTLP and append it to the queue',
  async (given, context) => (await import('./roles/collector.ts')).startCollector(given, context),
)
  .addOption(options.otlpHttp())
  .addOption(options.otlpGrpc())
  .addOption(options.data())
  .addOption(options.queueSize())
  .addOption(options.allowedOrigin())
  .addOption(options.drain())
  .addOption(options.memory('512MiB'))
addKafkaOptions(collectorCommand, 'topic')

type IngestOptions = IngestRoleOptions & RoleOptions
const ingestCommand = role<IngestOptions>(
  'ingest',
  'take requests off the queue and insert them exactly once',
  async (given, context) => (await import('./roles/ingest.ts')).startIngest(given, context),
)
withClickHouse(ingestCommand)
  .addOption(options.data())
  .addOption(options.dropAfter())
  .addOption(options.storeFolder())
  .addOption(options.memory('512MiB'))
addKafkaOptions(ingestCommand, 'group')

type StoreOptions = StoreRoleOptions & RoleOptions
role<StoreOptions>('store', "the embedded ClickHouse, on ClickHouse's HTTP interface", async (given, context) =>
  (await import('./roles/store.ts')).startStore(given, context),
)
  .addOption(options.clickhouse())
  .addOption(clickhousePassword())
  .addOption(options.data())
  .addOption(options.retention())
  .addOption(options.maxDisk())
  .addOption(options.storeMemory())
  .addOption(options.allowedHost())

type QueryApiOptions = QueryApiRoleOptions & RoleOptions
const queryApi = role<QueryApiOptions>('query-api', 'the API and the web UI', async (given, context) =>
  (await import('./roles/query-api.ts')).startQueryApi({ ...given, uiFolder, agentFolder }, context),
)
withClickHouse(queryApi)
  .addOption(options.http())
  .addOption(options.otlpHttp())
  .addOption(options.otlpGrpc())
  .addOption(options.basePath())
  .addOption(options.allowedHost())
  .addOption(options.drain())
  .addOption(options.memory('512MiB'))

withClickHouse(
  weft.command('migrate').description("make the store's tables, or bring them up to date; on all servers of a cluster"),
).action(async (given: ClickHouseOptions) => (await import('./store.ts')).migrate(given))

weft
  .command('send')
  .description('post captured OTLP/HTTP bodies (protobuf or JSON; .gz, .zst and .zstd are sent with their encoding)')
  .argument('<file...>')
  .addOption(options.otlpHttp())
  .action(async (files: string[], given: { otlpHttp: Address }) => {
    const { send } = await import('./send.ts')
    process.exitCode = await send(files, given.otlpHttp)
  })

const setAside = weft.command('set-aside').description('requests that could not be stored: list, show, replay')
setAside
  .command('list')
  .description('one line each, oldest first')
  .addOption(options.data())
  .action(async (given: { data: string }) => (await import('./set-aside.ts')).list(given.data))
setAside
  .command('show')
  .description('the request as it was received, OTLP protobuf, on stdout')
  .argument('<id>')
  .addOption(options.data())
  .action(async (id: string, given: { data: string }) => (await import('./set-aside.ts')).show(given.data, id))
setAside
  .command('replay')
  .description('send them to the collector again: those named, or all that were not replayed yet')
  .argument('[id...]')
  .addOption(options.data())
  .addOption(options.otlpHttp())
  .action(async (ids: string[], given: { data: string; otlpHttp: Address }) =>
    (await import('./set-aside.ts')).replay(given.data, ids, given.otlpHttp),
  )

export async function run(): Promise<void> {
  try {
    await weft.parseAsync()
  } catch (error) {
    process.stderr.write(`weft: ${messageOf(error)}\n`)
    process.exitCode = 1
  }
}
