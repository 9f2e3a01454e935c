import { setTimeout as pause } from 'node:timers/promises'
import { quantile } from '../report.ts'
import type { Connection } from './answers.ts'
import { connectGrpc } from './grpc.ts'
import { connectHttp } from './http.ts'
import { Ledger } from './ledger.ts'
import { Pool, type PoolOptions, type Prepared } from './pool.ts'
import { repeated, type Truth } from './truth.ts'

export interface LoadOptions extends Omit<PoolOptions, 'spans' | 'ledger' | 'start' | 'spread'> {
  /** `http://127.0.0.1:4318`, or `http://127.0.0.1:4317` with `protocol: 'grpc'`. */
  readonly url: string
  readonly protocol?: 'http' | 'grpc'
  readonly gzip?: boolean
  /** Spans a second; absent: as fast as the server takes them. */
  readonly rate?: number
  /** How long to send, whole rounds of the pool only: it ends with the first round that is sent after this time. */
  readonly seconds: number
  readonly connections?: number
  /** Spans that are made once and sent over and over under other ids; by default rate × seconds, at most 100,000. */
  readonly poolSpans?: number
  /** File to which the `ledger.key` of each acknowledged span is appended. */
  readonly ledger?: string
  /** Until when a request is tried again; after it, it counts as lost. 120 s by default. */
  readonly giveUpMs?: number
  readonly timeoutMs?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the load early, in the middle of a round. */
  readonly signal?: AbortSignal
}

export interface LoadResult {
  /** Requests and spans that were acknowledged; `rejected` of those spans were refused in partial successes. */
  readonly requests: number
  readonly spans: number
  readonly rejected: number
  readonly bytes: number
  /** Attempts that were answered with "later" or not at all, and how often each reason came. */
  readonly retries: number
  readonly reasons: Readonly<Record<string, number>>
  /** Requests that were given up or refused for good. */
  readonly failed: number
  readonly seconds: number
  readonly spansPerSecond: number
  /** Milliseconds from the first byte sent to the acknowledgement. */
  readonly latency: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number }
  /** CPU microseconds a span that this process itself has used while sending. */
  readonly ownCpu: number
  /** Milliseconds since the epoch: before the first span's start, after the last acknowledgement. */
  readonly window: readonly [start: number, end: number]
  /** What the server must say of the window, when every round was sent whole and nothing failed. */
  readonly truth: Truth
}

const longestPauseMs = 5_000

/** Sends generated traces to an OTLP endpoint and says what was acknowledged. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const connections = options.connections ?? 4
  const poolSpans = options.poolSpans ?? Math.min(100_000, Math.max(1, (options.rate ?? Infinity) * options.seconds))
  // The traces of a round are spread over the time that it takes; flat out, over one second.
  const spread = options.rate === undefined ? 1 : poolSpans / options.rate
  const pool = new Pool({ ...options, spans: poolSpans, spread, ledger: options.ledger !== undefined })
  return new Load(options, pool, connections).run()
}

class Load {
  readonly #options: LoadOptions
  readonly #pool: Pool
  readonly #connections: readonly Connection[]
  readonly #ledger: Ledger | undefined
  readonly #latencies: number[] = []
  readonly #reasons: Record<string, number> = {}
  readonly #signal: AbortSignal
  #requests = 0
  #spans = 0
  #rejected = 0
  #bytes = 0
  #retries = 0
  #failed = 0
  #due = 0
  #begun = 0
  #done = false
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: LoadOptions, pool: Pool, connections: number) {
    this.#options = options
    this.#pool = pool
    this.#signal = options.signal ?? new AbortController().signal
    this.#ledger = options.ledger === undefined ? undefined : new Ledger(options.ledger)
    const connect = options.protocol === 'grpc' ? connectGrpc : connectHttp
    this.#connections = Array.from({ length: connections }, () => connect(options))
  }

  async run(): Promise<LoadResult> {
    const cpu = process.cpuUsage()
    const started = Date.now()
    this.#begun = performance.now()
    try {
      await Promise.all(this.#connections.map((connection) => this.#worker(connection)))
    } finally {
      for (const connection of this.#connections) connection.close()
      this.#ledger?.close()
    }
    const seconds = (performance.now() - this.#begun) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const sorted = this.#latencies.sort((a, b) => a - b)
    const roundMs = (this.#options.rate === undefined ? 1 : this.#pool.spans / this.#options.rate) * 1000
    return {
      requests: this.#requests,
      spans: this.#spans,
      rejected: this.#rejected,
      bytes: this.#bytes,
      retries: this.#retries,
      reasons: this.#reasons,
      failed: this.#failed,
      seconds,
      spansPerSecond: this.#spans / seconds,
      latency: {
        p50: quantile(sorted, 0.5),
        p90: quantile(sorted, 0.9),
        p99: quantile(sorted, 0.99),
        max: quantile(sorted, 1),
      },
      ownCpu: (user + system) / Math.max(1, this.#spans),
      // A trace may last longer than it is until it is sent: the generated ones take a few seconds at most.
      window: [Math.floor(started - roundMs - 1_000), Date.now() + 10_000],
      truth: repeated(this.#pool.truth, this.#pool.rounds),
    }
  }

  async #worker(connection: Connection): Promise<void> {
    for (;;) {
      // One at a time: which request is next, and when, is decided in order.
      const turn = this.#turn.then(() => this.#next())
      this.#turn = turn.catch(() => {})
      const prepared = await turn
      if (!prepared) return
      try {
        await this.#deliver(connection, prepared)
      } finally {
        prepared.release()
      }
    }
  }

  async #next(): Promise<Prepared | undefined> {
    const elapsed = performance.now() - this.#begun
    if (this.#signal.aborted) this.#done = true
    if (this.#pool.betweenRounds && this.#requests + this.#failed > 0 && elapsed >= this.#options.seconds * 1000) {
      this.#done = true
    }
    if (this.#done) return undefined
    const { rate } = this.#options
    if (rate !== undefined) {
      const wait = this.#begun + (this.#due / rate) * 1000 - performance.now()
      if (wait > 0 && !(await this.#sleep(wait))) return undefined
    }
    const prepared = await this.#pool.take(() => BigInt(Date.now()) * 1_000_000n)
    this.#due += prepared.spans
    return prepared
  }

  /** False when the load was ended meanwhile. */
  async #sleep(milliseconds: number): Promise<boolean> {
    try {
      await pause(milliseconds, undefined, { signal: this.#signal })
      return true
    } catch (error) {
      if (!this.#signal.aborted) throw error
      this.#done = true
      return false
    }
  }

  /** Until it is acknowledged or refused: the same bytes again, after the time that the server asked for. */
  async #deliver(connection: Connection, prepared: Prepared): Promise<void> {
    const begun = performance.now()
    const giveUpMs = this.#options.giveUpMs ?? 120_000
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      const answer = await connection.send(prepared.body, this.#signal)
      if (answer.type === 'accepted') {
        this.#latencies.push(performance.now() - begun)
        this.#requests++
        this.#spans += prepared.spans
        this.#rejected += answer.rejected
        this.#bytes += prepared.body.length
        if (this.#ledger) this.#ledger.append(prepared.keys())
        return
      }
      this.#reasons[answer.why] = (this.#reasons[answer.why] ?? 0) + 1
      if (answer.type === 'refused' || performance.now() - begun > giveUpMs || this.#signal.aborted) {
        this.#failed++
        return
      }
      this.#retries++
      await this.#sleep(answer.afterMs ?? pauseMs * (0.5 + Math.random()))
    }
  }
}
