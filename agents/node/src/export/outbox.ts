import { AsyncResource } from 'node:async_hooks'
import { diag } from '@opentelemetry/api'
import type { Request, RequestBuilder } from '../otlp/request.ts'
import type { Outcome } from '../otlp/response.ts'
import type { FinishedSpan } from '../trace/span.ts'
import { lastPauseMs, lastTries, type Sender } from './sender.ts'

export interface OutboxOptions {
  /** Milliseconds that a span waits at most before it is on its way. */
  readonly delayMs: number
  /** Spans of a request at most. */
  readonly batchSpans: number
  /** Spans and bytes that may wait; the oldest go first when there are more. */
  readonly queueSpans: number
  readonly queueBytes: number
}

/** How many spans went which way since the start. */
export interface Counts {
  sent: number
  /** For which there was no room: nobody took spans for too long. */
  dropped: number
  /** That the receiver did not want, by its own word. */
  refused: number
}

const batchBytes = 1024 * 1024
const firstPauseMs = 1_000
const longestPauseMs = 30_000
const reportEveryMs = 60_000

/**
 * Gathers spans to requests and sends them, one at a time and in order, again and again while the receiver is absent,
 * slow, or asks to wait. What does not find room is dropped, the oldest first, counted and told. It never keeps the
 * process alive, but for as long as somebody waits for `flush`.
 */
export class Outbox {
  readonly #builder: RequestBuilder
  readonly #sender: Sender
  readonly #options: OutboxOptions
  readonly counts: Counts = { sent: 0, dropped: 0, refused: 0 }
  // Timers and connections must not belong to the request of the program that happened to bring them about.
  readonly #own = new AsyncResource('WeftOutbox')
  #queue: Request[] = []
  #queuedSpans = 0
  #queuedBytes = 0
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  #wake: (() => void) | undefined
  #flushUntil = 0
  #failures = 0
  #told = { dropped: 0, refused: 0, at: -Infinity }

  constructor(builder: RequestBuilder, sender: Sender, options: OutboxOptions) {
    this.#builder = builder
    this.#sender = sender
    this.#options = options
  }

  add(span: FinishedSpan): void {
    this.#builder.add(span)
    if (this.#builder.spans >= this.#options.batchSpans || this.#builder.bytes >= batchBytes) this.#dispatch()
    else
      this.#timer ??= this.#own.runInAsyncScope(() => setTimeout(() => this.#dispatch(), this.#options.delayMs).unref())
  }

  /**
   * All that there is, sent or given up: when `withinMs` are over, or earlier when the receiver is not there. False when
   * something is left. Never throws.
   */
  async flush(withinMs: number): Promise<boolean> {
    this.#seal()
    this.#failures = 0
    this.#flushUntil = performance.now() + withinMs
    let timer: NodeJS.Timeout | undefined
    const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, withinMs)))
    // One who sleeps until the receiver may be there again tries now.
    this.#wake?.()
    while (this.#queue.length > 0 && this.#isFlushing()) {
      this.#begin()
      await Promise.race([this.#sending, over])
    }
    clearTimeout(timer)
    this.#flushUntil = 0
    return this.#queue.length === 0
  }

  /** All that has not been taken, for one who sends it in another way. */
  drain(): Request[] {
    this.#seal()
    const all = this.#queue
    this.#queue = []
    this.#queuedSpans = 0
    this.#queuedBytes = 0
    return all
  }

  #dispatch(): void {
    this.#seal()
    this.#begin()
  }

  /** Puts what has gathered into the queue. */
  #seal(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#builder.spans === 0) return
    const request = this.#builder.take()
    this.#queue.push(request)
    this.#queuedSpans += request.spans
    this.#queuedBytes += request.body.length
    while (
      this.#queue.length > 1 &&
      (this.#queuedSpans > this.#options.queueSpans || this.#queuedBytes > this.#options.queueBytes)
    ) {
      // The first may be on its way, and taken at this moment.
      this.#remove(this.#sending === undefined ? 0 : 1, 'dropped')
    }
  }

  #remove(index: number, as: keyof Counts): void {
    const [request] = this.#queue.splice(index, 1)
    if (request === undefined) return
    this.#queuedSpans -= request.spans
    this.#queuedBytes -= request.body.length
    this.counts[as] += request.spans
  }

  #begin(): void {
    if (this.#queue.length === 0) return
    this.#sending ??= this.#own.runInAsyncScope(() => this.#sendAll()).finally(() => (this.#sending = undefined))
  }

  #isFlushing(): boolean {
    return performance.now() < this.#flushUntil && this.#failures < lastTries
  }

  async #sendAll(): Promise<void> {
    let pauseMs = firstPauseMs
    for (let request = this.#queue[0]; request !== undefined; request = this.#queue[0]) {
      const outcome = await this.#sender.send(request.body, this.#isFlushing())
      // Somebody has drained the queue in the meantime.
      if (this.#queue[0] !== request) return
      if (outcome.kind === 'again') {
        this.#tell(outcome)
        // One who says when to come again is there.
        if (outcome.afterMs === undefined) this.#failures++
        if (this.#flushUntil > 0 && !this.#isFlushing()) return
        await this.#pause(outcome.afterMs, pauseMs * (0.8 + Math.random() * 0.4))
        pauseMs = Math.min(pauseMs * 2, longestPauseMs)
        continue
      }
      pauseMs = firstPauseMs
      this.#remove(0, outcome.kind === 'taken' ? 'sent' : 'refused')
      if (outcome.kind === 'taken') {
        this.counts.sent -= outcome.rejectedSpans
        this.counts.refused += outcome.rejectedSpans
      }
      this.#tell(outcome)
    }
  }

  async #pause(askedMs: number | undefined, ownMs: number): Promise<void> {
    const left = this.#flushUntil - performance.now()
    const flushing = this.#isFlushing()
    const ms = flushing ? Math.min(askedMs ?? lastPauseMs, left) : (askedMs ?? ownMs)
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = setTimeout(resolve, ms)
      if (!flushing) timer.unref()
    })
    clearTimeout(timer)
    this.#wake = undefined
  }

  /** One line a minute at most: a receiver that is away is nothing that a program's log should be full of. */
  #tell(outcome: Outcome): void {
    const { dropped, refused } = this.counts
    const lost = dropped + refused - this.#told.dropped - this.#told.refused
    if (outcome.kind === 'taken' && lost === 0) return
    const now = performance.now()
    if (now - this.#told.at < reportEveryMs) return
    this.#told = { dropped, refused, at: now }
    const counts = `; so far ${this.counts.sent} spans sent, ${dropped} dropped, ${refused} refused`
    const what = outcome.kind === 'again' ? 'spans wait for the receiver' : 'spans were lost'
    diag.warn(`${what}: ${outcome.message || 'there was no room for them'}${lost > 0 ? counts : ''}`)
  }
}
