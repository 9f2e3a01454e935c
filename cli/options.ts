import { Option } from 'commander'
import { normalBasePath } from '../query-api/http/base-path.ts'
import { type Address, formatAddress, parseAddress } from './address.ts'
import { parseBytes, parseDays, parseDiskLimit, parseMemory, parseSeconds, parseSwitch } from './quantities.ts'

// Every option is a flag and an environment variable, and means the same wherever it stands: one place for both.

const address = (flag: string, env: string, what: string, standard: string) =>
  new Option(`${flag} <host:port>`, what).env(env).argParser(parseAddress).default(parseAddress(standard), standard)

export const otlpHttp = () => address('--otlp-http', 'WEFT_OTLP_HTTP', 'OTLP over HTTP', '127.0.0.1:4318')
export const otlpGrpc = () => address('--otlp-grpc', 'WEFT_OTLP_GRPC', 'OTLP over gRPC', '127.0.0.1:4317')
export const http = () => address('--http', 'WEFT_HTTP', 'web UI and API', '127.0.0.1:4320')
export const clickhouse = () =>
  address('--clickhouse', 'WEFT_CLICKHOUSE', "ClickHouse's HTTP interface of the embedded store", '127.0.0.1:8123')
export const admin = () =>
  new Option(
    '--admin <host:port>',
    'health (/livez, /readyz, /healthz) and metrics (/metrics) of this role; off by default',
  )
    .env('WEFT_ADMIN')
    .argParser(parseAddress)
export const drain = () =>
  new Option('--drain <seconds>', 'when told to stop: not ready at once, but serving for so long before it stops')
    .env('WEFT_DRAIN')
    .argParser(parseSeconds)
    .default(0, '0s')
export const data = () =>
  new Option('--data <folder>', 'where everything is kept').env('WEFT_DATA').default('./weft-data')
export const logLevel = (standard: string) =>
  new Option('--log-level <level>', 'log lines (JSON, on stderr) of this level and above')
    .env('WEFT_LOG_LEVEL')
    .choices(['debug', 'info', 'warn', 'error'])
    .default(standard)
export const retention = () =>
  new Option('--retention <days>', 'days of receipt to keep')
    .env('WEFT_RETENTION')
    .argParser(parseDays)
    .default(7, '7d')
export const dropAfter = () =>
  new Option('--retention <days>', 'drop days of receipt that are older; without it ingest drops nothing')
    .env('WEFT_RETENTION')
    .argParser(parseDays)
export const maxDisk = () =>
  new Option(
    '--max-disk <limit>',
    'how much the store may hold: a size (200GB), or a share (80%) of what it holds and what is free on its volume',
  )
    .env('WEFT_MAX_DISK')
    .argParser(parseDiskLimit)
    .default({ fraction: 0.8 }, '80%')
export const queueSize = () =>
  new Option('--queue-size <bytes>', 'how much may wait on disk for the store before senders are told to retry')
    .env('WEFT_QUEUE_SIZE')
    .argParser(parseBytes)
    .default(4 * 2 ** 30, '4GiB')
export const memory = (standard: string) =>
  new Option('--memory <bytes>', 'what the process may take of the memory; it refuses or waits instead of taking more')
    .env('WEFT_MEMORY')
    .argParser(parseMemory)
    .default(parseMemory(standard), standard)
export const storeMemory = () =>
  new Option('--store-memory <bytes>', "memory limit of the store's engine")
    .env('WEFT_STORE_MEMORY')
    .argParser(parseBytes)
    .default(2 ** 30, '1GiB')
export const storeFolder = () =>
  new Option('--store-folder <folder>', 'of the embedded store, to hand blocks over in files').hideHelp()
export const allowedHost = () =>
  new Option('--allowed-host <name…>', 'names under which UI, API and store may be asked for, besides localhost')
    .env('WEFT_ALLOWED_HOST')
    .argParser(list)
    .default([], 'none')
export const allowedOrigin = () =>
  new Option('--allowed-origin <origin…>', 'web origins that may send OTLP from a browser, besides localhost')
    .env('WEFT_ALLOWED_ORIGIN')
    .argParser(list)
    .default([], 'none')
export const basePath = () =>
  new Option('--base-path <path>', 'path under which a reverse proxy shows the UI and API, such as /weft')
    .env('WEFT_BASE_PATH')
    .argParser(normalBasePath)
    .default('')
export const selfTrace = () =>
  new Option('--self-trace [on]', "send Weft's own traces to itself")
    .env('WEFT_SELF_TRACE')
    .preset('true')
    .argParser(parseSwitch)
    .default(false, 'off')

/** Commas and repetition both add: `--allowed-host a,b --allowed-host c`. */
function list(text: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), ...text.split(',').filter((name) => name !== '')]
}

/** The flags that hand parsed options on to a child process. */
export function flagsOf(
  values: Readonly<Record<string, Address | string | number | boolean | readonly string[]>>,
): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    if (typeof value === 'boolean') return value ? [flag] : []
    if (Array.isArray(value)) return value.flatMap((one: string) => [flag, one])
    if (typeof value === 'object') return [flag, formatAddress(value as Address)]
    return value === '' ? [] : [flag, String(value)]
  })
}
