import type { TestStoreOptions } from './embedded/testing.ts'

/**
 * A cluster of one server, as far as chDB can be one: Distributed tables over a shard that is the server itself. It has
 * no Keeper, so what needs one is run as what it does on a single server: no ON CLUSTER, and replicated tables as their
 * plain engines, with the windows that those have.
 */
export const testCluster = 'weft-test'

/** Nothing listens on the port: it is how ClickHouse tells that the shard is itself. */
export const clusterConfig: Pick<TestStoreOptions, 'moreConfig'> = {
  moreConfig: `  <tcp_port>9000</tcp_port>
  <remote_servers><${testCluster}><shard>
    <internal_replication>true</internal_replication>
    <replica><host>127.0.0.1</host><port>9000</port></replica>
  </shard></${testCluster}></remote_servers>
  <macros><shard>01</shard><replica>r1</replica></macros>
`,
}

/** A statement for the cluster as one server without Keeper can run it. */
export const withoutKeeper = (sql: string): string =>
  sql
    .replace(` ON CLUSTER '${testCluster}'`, '')
    .replace(/ENGINE = Replicated(\w*)\('[^']*', '[^']*'(?:, (\w+))?\)/, 'ENGINE = $1($2)')
    .replace(/\breplicated_deduplication_window = /, 'non_replicated_deduplication_window = ')
    .replace(/, replicated_deduplication_window_seconds = \d+/, '')
