import { randomBytes } from 'node:crypto'
import { batches, type BatchOptions } from './batches.ts'
import { type Encoded, encodeBatch, ledgerKeyBytes } from './protobuf.ts'
import { Random } from './random.ts'
import { defaultStart, generateTraces, type TraceOptions } from './traces.ts'
import { type Truth, truthOf } from './truth.ts'

export interface PoolOptions extends TraceOptions, BatchOptions {
  /** Each span carries the attribute `ledger.key`, another one each time it is sent. */
  readonly ledger?: boolean
}

/** One request that is ready to be sent; its bytes are borrowed until `release`. */
export interface Prepared {
  readonly body: Uint8Array
  readonly spans: number
  /** Keys of its spans, where the pool was made with `ledger`. */
  keys(): string[]
  release(): void
}

/**
 * Encoded requests that are sent over and over, as other traces each time: in every round all trace ids, span ids and
 * times of the pool are changed in place, those of one trace alike in all of its requests.
 */
export class Pool {
  readonly truth: Truth
  readonly spans: number
  readonly requests: number
  readonly #bodies: readonly Body[]
  readonly #base: bigint
  readonly #spread: bigint
  readonly #random: Random | undefined
  readonly #run: string
  #next = 0
  #round = 0
  #masks: Uint8Array = new Uint8Array(24)
  #shift = 0n

  constructor(options: PoolOptions = {}) {
    const traces = [...generateTraces(options)]
    this.truth = truthOf(traces)
    this.#base = options.start ?? defaultStart
    this.#spread = BigInt(Math.floor((options.spread ?? 10) * 1e9))
    this.#random = options.seed === undefined ? undefined : new Random(options.seed, -1)
    this.#run = this.#random ? this.#random.hex(12) : randomBytes(6).toString('hex')
    let key = 0
    this.#bodies = [...batches(traces, options)].map((batch) => {
      const body = new Body(encodeBatch(batch, options.ledger), key)
      key += body.spans
      return body
    })
    this.requests = this.#bodies.length
    this.spans = key
  }

  /** Whole rounds that were handed out: only then every trace of them is whole. */
  get rounds(): number {
    return this.#next === 0 ? this.#round : this.#round - 1
  }

  /** True when the next request is the first of a round. */
  get betweenRounds(): boolean {
    return this.#next === 0
  }

  /**
   * The next request, its traces moved to end about `now` (ns since the epoch, taken at the first request of a round).
   * Waits while the same request of the round before is still borrowed.
   */
  async take(now: () => bigint): Promise<Prepared> {
    if (this.#next === 0) this.#beginRound(now())
    const body = this.#bodies[this.#next] as Body
    const round = this.#round
    const masks = this.#masks
    const shift = this.#shift
    this.#next = (this.#next + 1) % this.#bodies.length
    await body.free
    body.change(masks, shift, this.#run, round)
    return body
  }

  #beginRound(now: bigint): void {
    this.#round++
    this.#masks = this.#random ? this.#random.bytes(24) : Uint8Array.from(randomBytes(24))
    this.#shift = now - this.#base - this.#spread
  }
}

/**
 * Words are read and written a byte at a time where they lie unaligned, which they nearly always do. XOR with a mask of
 * random bits keeps ids random and distinct; that of the round before is taken back in the same step.
 */
class Body implements Prepared {
  readonly body: Uint8Array
  readonly spans: number
  readonly #view: DataView
  readonly #encoded: Encoded
  readonly #firstKey: number
  readonly #masks = new DataView(new ArrayBuffer(24))
  #shift = 0n
  #keyStem = ''
  #release: (() => void) | undefined
  free: Promise<void> = Promise.resolve()

  constructor(encoded: Encoded, firstKey: number) {
    this.#encoded = encoded
    this.#firstKey = firstKey
    this.body = encoded.body
    this.spans = encoded.spans
    this.#view = new DataView(encoded.body.buffer, encoded.body.byteOffset, encoded.body.byteLength)
  }

  change(masks: Uint8Array, shift: bigint, run: string, round: number): void {
    this.free = new Promise((resolve) => (this.#release = resolve))
    const view = this.#view
    const { traceIds, spanIds, times, ledgerKeys } = this.#encoded.patches
    const now = new DataView(masks.buffer, masks.byteOffset, 24)
    const word = (at: number) => {
      const change = now.getUint32(at, true) ^ this.#masks.getUint32(at, true)
      this.#masks.setUint32(at, now.getUint32(at, true), true)
      return change
    }
    const a = word(0)
    const b = word(4)
    const c = word(8)
    const d = word(12)
    for (const at of traceIds) {
      view.setUint32(at, view.getUint32(at, true) ^ a, true)
      view.setUint32(at + 4, view.getUint32(at + 4, true) ^ b, true)
      view.setUint32(at + 8, view.getUint32(at + 8, true) ^ c, true)
      view.setUint32(at + 12, view.getUint32(at + 12, true) ^ d, true)
    }
    const e = word(16)
    const f = word(20)
    for (const at of spanIds) {
      view.setUint32(at, view.getUint32(at, true) ^ e, true)
      view.setUint32(at + 4, view.getUint32(at + 4, true) ^ f, true)
    }
    const moved = BigInt.asUintN(64, shift - this.#shift)
    this.#shift = shift
    const low = Number(moved & 0xffff_ffffn)
    const high = Number(moved >> 32n)
    for (const at of times) {
      const sum = view.getUint32(at, true) + low
      view.setUint32(at, sum, true)
      view.setUint32(at + 4, view.getUint32(at + 4, true) + high + (sum > 0xffff_ffff ? 1 : 0), true)
    }
    if (ledgerKeys.length > 0) {
      this.#keyStem = `${run}-${round.toString(36).padStart(6, '0')}-`
      ledgerKeys.forEach((at, i) =>
        Buffer.from(this.body.buffer, this.body.byteOffset).write(this.#key(i), at, 'latin1'),
      )
    }
  }

  keys(): string[] {
    return this.#encoded.patches.ledgerKeys.map((_, i) => this.#key(i))
  }

  release(): void {
    this.#release?.()
  }

  #key(span: number): string {
    return (this.#keyStem + (this.#firstKey + span).toString(36).padStart(8, '0')).padStart(ledgerKeyBytes, '0')
  }
}
