import { AppError } from '../../../base/errors.ts'
import type { Nanos } from '../../../base/units.ts'
import type { Block, BlockWriter, Source } from '../../../store/contract.ts'
import type { FakeRow } from './builder.ts'

/** What happens to one call. `late`: answered with an error, done only after `lateMs`. */
export type Fate =
  'well' | 'refused' | 'answer lost' | 'late' | 'token without rows' | 'overloaded' | 'hangs' | 'unanswered'

/** The rows of a store as ClickHouse keeps them: a block whole or not at all, once per token as long as it remembers. */
export class FakeStore {
  readonly rows: FakeRow[] = []
  readonly setAside: string[] = []
  readonly inserts: { readonly table: string; readonly token: string; readonly rows: number }[] = []
  readonly #tokens = new Set<string>()
  /** Those that are remembered without their rows, by block. */
  readonly #lostTokens = new Map<string, Set<string>>()
  /** Until when a row is missing from what is counted: its replica lags. */
  readonly #lagging = new Map<FakeRow, number>()
  readonly #shards: number
  readonly #lagMs: number
  readonly #late = new Set<NodeJS.Timeout>()
  /** Blocks of `spans` with more rows are refused for memory. */
  maxRows = Infinity

  /**
   * @param shards more than one: rows lie in shards, each of which stores its own part of a block and remembers its token
   *   with it; what is counted may lack the rows of the last `lagMs`
   */
  constructor({ shards = 1, lagMs = 0 } = {}) {
    this.#shards = shards
    this.#lagMs = lagMs
  }

  /**
   * What one process sees of the store.
   *
   * @param fate of the next call: decided anew for each
   * @param lateMs how much later than its answer an insert may come through
   */
  writer(fate: (call: string) => Fate, lateMs = 0): BlockWriter {
    const reached = async (call: string, signal: AbortSignal): Promise<Fate> => {
      const chosen = fate(call)
      await new Promise((resolve) => setImmediate(resolve))
      signal.throwIfAborted()
      if (chosen === 'hangs') {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      }
      if (chosen === 'unanswered') await new Promise(() => {})
      if (chosen === 'refused') throw new AppError('UNAVAILABLE', 'connection refused')
      return chosen
    }
    const ask = async <T>(call: string, signal: AbortSignal, answer: () => T): Promise<T> => {
      const chosen = await reached(call, signal)
      if (chosen !== 'well' && chosen !== 'token without rows') throw new AppError('UNAVAILABLE', 'answer lost')
      return answer()
    }
    return {
      atomic: this.#shards === 1,
      insert: async (block, token, signal) => {
        this.inserts.push({ table: block.table, token, rows: block.rows })
        const chosen = await reached('insert', signal)
        // Read only now: a builder that was reset too early is found out.
        const text = Buffer.concat(block.chunks).toString('latin1')
        if (chosen === 'late') {
          const timer = setTimeout(() => {
            this.#late.delete(timer)
            try {
              this.#apply(block, token, text)
            } catch (error) {
              // Nobody is there to be told that it was refused.
              if (!(error instanceof AppError)) throw error
            }
          }, lateMs)
          this.#late.add(timer)
          throw new AppError('UNAVAILABLE', 'no answer')
        }
        if (this.#shards > 1 && (chosen === 'overloaded' || chosen === 'token without rows')) {
          // One shard is passed over, the others store their part.
          this.#apply(block, token, text, this.inserts.length % (this.#shards + 1))
          throw new AppError(chosen === 'overloaded' ? 'OVERLOADED' : 'UNAVAILABLE', 'one shard did not')
        }
        if (chosen === 'overloaded') throw new AppError('OVERLOADED', 'too many parts')
        if (chosen === 'token without rows') {
          // Delivery has three tokens for a block (`mostTokens`): one that lost all of them would wait for ever.
          const block = token.split('/').slice(0, 5).join('/')
          const lost = this.#lostTokens.get(block) ?? new Set()
          this.#lostTokens.set(block, lost)
          if (lost.size < 2 || lost.has(token)) {
            lost.add(token)
            this.#tokens.add(`0 ${token}`)
          }
          throw new AppError('UNAVAILABLE', 'killed in the wrong moment')
        }
        this.#apply(block, token, text)
        if (chosen === 'answer lost') throw new AppError('UNAVAILABLE', 'answer lost')
      },
      stored: (at: Source, first, last, signal) =>
        ask('stored', signal, () => {
          const now = performance.now()
          const seen = this.#of(at).filter((row) => (this.#lagging.get(row) ?? 0) <= now)
          return BigInt(seen.filter((row) => within(row, first, last)).length)
        }),
      highest: (at, signal) =>
        ask('highest', signal, () =>
          this.#of(at).reduce<bigint | undefined>(
            (most, { offset }) => (most === undefined || BigInt(offset) > most ? BigInt(offset) : most),
            undefined,
          ),
        ),
      recentRequests: (at, since: Nanos, first, last, signal) =>
        ask('recent', signal, () => {
          const lowest = new Map<bigint, bigint>()
          for (const row of this.#of(at).filter((each) => within(each, first, last))) {
            const [id, offset] = [BigInt(row.requestId), BigInt(row.offset)]
            if (BigInt(row.receivedAt) >= since && offset < (lowest.get(id) ?? offset + 1n)) lowest.set(id, offset)
          }
          return [...lowest]
            .map(([requestId, offset]) => ({ requestId, offset }))
            .sort((a, b) => (a.offset < b.offset ? -1 : 1))
        }),
    }
  }

  /** All that may still come through has. */
  async quiet(): Promise<void> {
    while (this.#late.size > 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  forgetTokens(): void {
    this.#tokens.clear()
  }

  #of({ logId, partition }: Source): FakeRow[] {
    return this.rows.filter(({ source }) => source === `${logId}/${partition}`)
  }

  /** @param without the shard that does not store its part */
  #apply(block: Block, token: string, text: string, without?: number): void {
    if (block.table === 'set_aside') {
      if (!this.#tokens.has(token)) this.setAside.push(token)
      this.#tokens.add(token)
      return
    }
    const rows = JSON.parse(text) as FakeRow[]
    if (block.table === 'spans' && rows.length > this.maxRows) throw new AppError('OVERLOADED', 'memory limit')
    if (rows.some(({ unreadable }) => unreadable)) throw new AppError('BAD_INPUT', 'cannot parse the block')
    for (let shard = 0; shard < this.#shards; shard++) {
      const key = `${shard} ${token}`
      if (shard === without || this.#tokens.has(key)) continue
      this.#tokens.add(key)
      const own = rows.filter(({ span }) => shardOf(span, this.#shards) === shard)
      this.rows.push(...own)
      const until = performance.now() + this.#lagMs
      if (this.#lagMs > 0) for (const row of own) this.#lagging.set(row, until)
    }
  }
}

function within({ offset }: FakeRow, first: bigint, last: bigint): boolean {
  return BigInt(offset) >= first && BigInt(offset) <= last
}

function shardOf(span: string, shards: number): number {
  let sum = 0
  for (const letter of Buffer.from(span)) sum = (sum * 31 + letter) % 65_521
  return sum % shards
}
