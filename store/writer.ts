import { Readable } from 'node:stream'
import { AppError, messageOf } from '../base/errors.ts'
import { type Connected, waitAt } from './connection.ts'
import { type Cluster, clusterSettings, everyReplica } from './cluster.ts'
import type { Block, BlockWriter, Query, Source } from './contract.ts'
import { foldersOf } from './embedded/engine-config.ts'
import { rowsFileHeader } from './embedded/request.ts'
import { clearHanded, handRows, type RowsFile } from './embedded/rows-in.ts'
import { isServersFault, writerError } from './errors.ts'
import { createReader } from './reader.ts'
import type { Servers } from './servers.ts'

const limits = { maxRows: 10_000_000, maxBytes: 1024 * 1024 * 1024, timeoutMs: 60_000 }

/**
 * The costly indexes, by which no insert is looked up, and the rows of a block from which on they are left to its first
 * merge: an eighth of the CPU of insert and merges together. Blocks so large come one after another, and a merge follows
 * while they do. When they stop, the last few of a day may stay unmerged and are read whole: below 16 of one size
 * (`min_parts_to_merge_at_once`), each as large as ingest makes a block.
 */
const leftToMerges = {
  rows: 50_000,
  indexes: 'idx_trace_id, idx_trace_id_hex, idx_attribute_string, idx_attribute_int',
}

const where = '_queue_log = {log:String} AND _queue_partition = {partition:UInt32}'
const of = (at: Source) => ({ log: at.logId, partition: at.partition })

export interface WriterOptions {
  readonly servers: Servers<Connected>
  readonly cluster?: Cluster
  /** Of the embedded server, where blocks are handed over in files: by one writer at a time. */
  readonly folder?: string
}

/** Inserts Native blocks as they are, and answers what became of them. */
export function createWriter({ servers, cluster, folder }: WriterOptions): BlockWriter {
  const truth = createReader(servers, cluster && { ...clusterSettings.query, ...clusterSettings.truth })
  const lenient = createReader(servers, cluster && clusterSettings.everyReplica)

  async function rowsOf<Row>(query: Query<Row>, signal: AbortSignal, reader = truth): Promise<Row[]> {
    return (await Array.fromAsync(reader.select(query, signal))).flat()
  }

  /**
   * Rows that must not be missed when a replica lags behind: of a cluster, those of every replica beside the usual ones,
   * which say that no shard is left out. The caller can stand repetitions.
   */
  async function allRowsOf<Row>(query: (from: string) => Query<Row>, signal: AbortSignal): Promise<Row[]> {
    const usual = rowsOf(query('spans'), signal)
    if (cluster === undefined) return usual
    const every = rowsOf(query(everyReplica(cluster, 'spans')), signal, lenient)
    return (await Promise.all([usual, every])).flat()
  }

  let isCleared = false
  async function handOver(incoming: string, block: Block): Promise<RowsFile & { readonly name: string }> {
    try {
      if (!isCleared) await clearHanded(incoming)
      isCleared = true
      return await handRows(incoming, block.chunks)
    } catch (error) {
      throw new AppError('UNAVAILABLE', `a block cannot be handed to the store: ${messageOf(error)}`, { cause: error })
    }
  }

  return {
    atomic: cluster === undefined,

    async insert(block, token, signal) {
      const server = servers.current()
      const waiting = waitAt(server, servers)
      const within = waiting ? AbortSignal.any([signal, waiting.signal]) : signal
      try {
        within.throwIfAborted()
        await using file = folder === undefined ? undefined : await handOver(foldersOf(folder).incoming, block)
        const { stream } = await server.client.exec({
          query: `INSERT INTO ${block.table} FORMAT Native`,
          // The chunks go to the socket as they are.
          ...(file
            ? { http_headers: { [rowsFileHeader]: file.name } }
            : { values: Readable.from(block.chunks, { objectMode: false }) }),
          abort_signal: within,
          clickhouse_settings: {
            insert_deduplication_token: token,
            insert_deduplicate: 1,
            async_insert: 0,
            // A column that the table has not is a mistake, not to be passed over in silence.
            input_format_skip_unknown_fields: 0,
            wait_end_of_query: 1,
            ...(cluster && clusterSettings.insert),
            // Of the embedded engine, whose version we know.
            ...(file && block.rows >= leftToMerges.rows
              ? { exclude_materialize_skip_indexes_on_insert: leftToMerges.indexes }
              : {}),
            log_comment: `insert ${block.table}`,
          },
        })
        await stream.resume().toArray()
        servers.worked(server)
      } catch (thrown) {
        const error = writerError(waiting?.signal.aborted ? waiting.signal.reason : thrown)
        if (isServersFault(error, signal)) servers.failed(server)
        throw error
      } finally {
        waiting?.end()
      }
    },

    async stored(at, begin, end, signal) {
      const [rows] = await rowsOf(
        {
          name: 'stored',
          sql: `SELECT count() FROM spans WHERE ${where} AND _queue_offset BETWEEN {first:UInt64} AND {last:UInt64}`,
          params: { ...of(at), first: begin, last: end },
          limits,
          decode: ([count]) => BigInt(count as string),
        },
        signal,
      )
      if (rows === undefined) throw new AppError('UNAVAILABLE', 'no answer to what is stored')
      return rows
    },

    async highest(at, signal) {
      // Of spans alone: a record is set aside while the block before it is still being filled.
      const query = (from: string): Query<bigint | undefined> => ({
        name: 'highest',
        sql: `SELECT max(_queue_offset), count() FROM ${from} WHERE ${where}`,
        params: of(at),
        limits,
        decode: ([offset, found]) => (found === '0' ? undefined : BigInt(offset as string)),
      })
      const found = await allRowsOf(query, signal)
      if (found.length === 0) throw new AppError('UNAVAILABLE', 'no answer to what is the highest offset')
      return found.reduce((most, one) => (most === undefined || (one !== undefined && one > most) ? one : most))
    },

    async recentRequests(at, since, begin, end, signal) {
      const query = (from: string): Query<{ requestId: bigint; offset: bigint }> => ({
        name: 'recent requests',
        // Not of those set aside, which may be sent again.
        sql: `SELECT request_id, min(_queue_offset) FROM ${from}
   WHERE ${where} AND _queue_offset BETWEEN {first:UInt64} AND {last:UInt64}
     AND received_at >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')
   GROUP BY request_id ORDER BY min(_queue_offset)`,
        params: { ...of(at), since, first: begin, last: end },
        limits,
        decode: ([id, offset]) => ({ requestId: BigInt(id as string), offset: BigInt(offset as string) }),
      })
      const found = await allRowsOf(query, signal)
      if (cluster === undefined) return found
      const lowest = new Map<bigint, bigint>()
      for (const { requestId, offset } of found) {
        if (offset < (lowest.get(requestId) ?? offset + 1n)) lowest.set(requestId, offset)
      }
      return [...lowest]
        .map(([requestId, offset]) => ({ requestId, offset }))
        .toSorted((a, b) => (a.offset < b.offset ? -1 : 1))
    },
  }
}
