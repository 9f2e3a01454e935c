import { type Command, InvalidArgumentError, Option } from 'commander'

/** Where the store is, as the roles and commands that ask it are told. */
export interface ClickHouseOptions {
  readonly clickhouseUrl: readonly string[]
  readonly clickhouseUser: string
  readonly clickhousePassword: string
  readonly clickhouseDatabase: string
  /** '' for one server. */
  readonly clickhouseCluster: string
  /** '' for the certificates that Node knows. */
  readonly clickhouseTlsCa: string
}

export const clickhousePassword = () =>
  new Option('--clickhouse-password <password>', 'its password; better given in the environment')
    .env('WEFT_CLICKHOUSE_PASSWORD')
    .default('')

export const standardUrls: readonly string[] = ['http://127.0.0.1:8123']

const clickhouseOptions = () => [
  new Option('--clickhouse-url <url…>', "ClickHouse's HTTP interface, http or https; of a cluster several, with commas")
    .env('WEFT_CLICKHOUSE_URL')
    .argParser(parseUrls)
    .default(standardUrls, standardUrls[0]),
  new Option('--clickhouse-user <name>', 'user at ClickHouse').env('WEFT_CLICKHOUSE_USER').default('weft'),
  clickhousePassword(),
  new Option('--clickhouse-database <name>', 'database of the tables')
    .env('WEFT_CLICKHOUSE_DATABASE')
    .argParser(parseName)
    .default('weft'),
  new Option('--clickhouse-cluster <name>', 'cluster over which tables are replicated and sharded; none: one server')
    .env('WEFT_CLICKHOUSE_CLUSTER')
    .argParser(parseName)
    .default(''),
  new Option('--clickhouse-tls-ca <file>', "certificates (PEM) for https, where ClickHouse's are not publicly signed")
    .env('WEFT_CLICKHOUSE_TLS_CA')
    .default(''),
]

/** Adds the options that say where the store is. */
export function withClickHouse(command: Command): Command {
  for (const option of clickhouseOptions()) command.addOption(option)
  return command
}

/** Commas and repetition both add. */
export function parseUrls(text: string, previous?: readonly string[]): readonly string[] {
  const given = text.split(',').map((one) => one.trim())
  for (const one of given) {
    const url = URL.canParse(one) ? new URL(one) : undefined
    if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '' || url.pathname !== '/' || url.search !== '') {
      throw new InvalidArgumentError('Expected http://host:port or https://host:port; several with commas.')
    }
    if (url.username !== '' || url.password !== '') {
      throw new InvalidArgumentError('Give --clickhouse-user and WEFT_CLICKHOUSE_PASSWORD, not a user in the URL.')
    }
  }
  // What is there at first is the default, which a given value takes the place of.
  return previous === undefined || previous === standardUrls ? given : [...previous, ...given]
}

/** It stands in paths of Keeper and in macros, too. '' from an empty variable is none. */
function parseName(text: string): string {
  if (!/^[\w.-]*$/.test(text)) throw new InvalidArgumentError('Expected letters, digits, _, - and dots.')
  return text
}
