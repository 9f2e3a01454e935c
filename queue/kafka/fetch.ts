import { type Connection, fetchV13, type Reader, readKnownTaggedFields, ResponseError } from '@platformatic/kafka'

/** What a broker answers about one partition. */
export interface Fetched {
  /** Batches as they are stored, back to back; the last one may be cut off. */
  readonly batches: Buffer
  /** Transactions that were given up: what their producers wrote from `firstOffset` on does not count. */
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[]
}

export interface FetchRequest {
  /** Kafka's topic id, so that a topic that was made anew is never taken for the old one. */
  readonly topicId: string
  readonly partition: number
  readonly offset: bigint
  /** At least one batch comes, whatever its size. */
  readonly maxBytes: number
  /** How long the broker waits for something to come. */
  readonly maxWaitMs: number
}

const fetchKey = 1
const fetchVersion = 13
const readCommitted = 1
const noSession = 0
const sessionless = -1

/**
 * Fetches from one partition. The client's own way would decompress everything while it parses: a batch that cannot be
 * read then fails the whole answer, and the partition for ever. So the request is the client's and the answer is read here.
 */
export function fetch(connection: Connection, request: FetchRequest): Promise<Fetched> {
  const { topicId, partition, offset, maxBytes, maxWaitMs } = request
  const asked = {
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: offset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: maxBytes,
  }
  const payload = () =>
    fetchV13.createRequest(
      maxWaitMs,
      1,
      maxBytes,
      readCommitted,
      noSession,
      sessionless,
      [{ topicId, partitions: [asked] }],
      [],
      '',
    )
  return new Promise((resolve, reject) => {
    connection.send<Fetched>(fetchKey, fetchVersion, payload, parse, true, true, (error, fetched) => {
      if (fetched) resolve(fetched)
      else reject(error ?? new Error('Kafka gave no answer'))
    })
  })
}

/*
 *   response  = throttle_ms:int32 error:int16 session:int32 [topic_id:uuid [partition]]
 *   partition = index:int32 error:int16 high_watermark:int64 last_stable:int64 log_start:int64
 *               [producer_id:int64 first_offset:int64] preferred_replica:int32 records:bytes
 */
function parse(_correlation: number, apiKey: number, apiVersion: number, reader: Reader): Fetched {
  const fetched: { batches: Buffer; aborted: Fetched['aborted'] } = { batches: Buffer.alloc(0), aborted: [] }
  const errors: Record<string, [number, null]> = {}
  reader.readInt32()
  const error = reader.readInt16()
  if (error !== 0) errors['/'] = [error, null]
  reader.readInt32()
  reader.readArray((topic) => {
    topic.readUUID()
    return topic.readArray(
      (partition, index) => {
        partition.readInt32()
        const error = partition.readInt16()
        if (error !== 0) errors[`/partitions/${index}`] = [error, null]
        partition.skip(3 * 8)
        fetched.aborted =
          partition.readNullableArray((one) => ({ producerId: one.readInt64(), firstOffset: one.readInt64() })) ?? []
        partition.readInt32()
        const size = partition.readUnsignedVarInt() - 1
        if (size > 0) {
          fetched.batches = partition.buffer.slice(partition.position, partition.position + size)
          partition.skip(size)
        }
        readKnownTaggedFields(partition, {})
      },
      true,
      false,
    )
  })
  if (Object.keys(errors).length > 0) throw new ResponseError(apiKey, apiVersion, errors, {})
  return fetched
}
