import { AppError } from '../base/errors.ts'
import { nowNanos } from '../base/clock.ts'
import { freeAtOnce } from '../base/free.ts'
import type { Log } from '../base/log.ts'
import { defaultTenant } from '../base/units.ts'
import { checkTraces } from '../otlp/check.ts'
import { tracesFromJson } from '../otlp/json.ts'
import { maxBodyBytes } from '../otlp/limits.ts'
import type { QueueWriter } from '../queue/contract.ts'
import type { Budget } from './budget.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { Figures, Transport } from './figures.ts'
import type { RequestIdOf } from '../queue/request-id.ts'
import { inflate, type Coding } from './inflate.ts'
import type { Parts } from './parts.ts'
import type { Peers } from './peers.ts'
import { recordsOf, withTooLarge } from './records.ts'
import { deadlinePassed, memoryFull, queueTooSlow, type Refusal, refusalOf, tooLarge, tooSlow } from './refusal.ts'
import type { Expiring, Sweep } from './sweep.ts'

/** What all requests of one collector work with. */
export interface Services {
  readonly queue: QueueWriter
  readonly log: Log
  readonly budget: Budget
  readonly buffers: BufferPool
  readonly figures: Figures
  readonly sweep: Sweep
  readonly peers: Peers
  readonly requestIdOf: RequestIdOf
  readonly times: Times
}

/** Milliseconds. */
export interface Times {
  /** From a request's first byte to its last. */
  readonly receive: number
  /** From its last byte to the queue's confirmation. */
  readonly queue: number
}

export interface Accepted {
  /** Invalid spans that were cut out; the rest is durable. */
  readonly rejected: number
  /** Which rule they broke; empty when none was rejected. */
  readonly message: string
}

// What a request costs beside its body (stream, headers, promises): without it a flood of tiny ones would be free.
const exchangeBytes = 8 * 1024

/**
 * One request from its headers to its answer, the same for both transports. It is answered exactly once, and its bytes
 * are counted until nobody holds them any more: the queue may still do so after the answer (a time-out).
 */
export abstract class Exchange implements Expiring {
  readonly transport: Transport
  readonly services: Services
  expiresAt: number
  /** When the caller itself gives up (`performance.now()`), if it said so. */
  readonly #deadline: number
  /** Whose share of the memory it takes. */
  readonly #peer: string
  #held = 0
  /** Of what is held: taken for bytes that were announced and have not come yet. */
  #reserved = 0
  #answered = false
  #waiting = false
  #inQueue: AbortController | undefined

  constructor(services: Services, transport: Transport, peer = '', timeoutMs = Infinity) {
    this.services = services
    this.transport = transport
    this.#peer = peer
    const now = performance.now()
    this.#deadline = now + timeoutMs
    this.expiresAt = Math.min(now + services.times.receive, this.#deadline)
  }

  protected abstract sendAccepted(accepted: Accepted): void
  protected abstract sendRefusal(refusal: Refusal): void

  get answered(): boolean {
    return this.#answered
  }

  /** The first thing: false (and refused) when the request cannot be taken, before any of its body is read. */
  protected admit(declaredBytes: number): boolean {
    if (declaredBytes > maxBodyBytes) {
      this.refuse(tooLarge(maxBodyBytes))
      return false
    }
    const reserved = this.#needed(declaredBytes)
    if (!this.services.budget.take(this.#peer, reserved + exchangeBytes, 0)) {
      this.refuse(memoryFull())
      return false
    }
    this.#held = reserved + exchangeBytes
    this.#reserved = reserved
    this.services.sweep.add(this)
    return true
  }

  /** Takes room for so many bytes, announced only now, before they come. Throws when there is none. */
  protected expect(bytes: number): void {
    const more = this.#needed(bytes) - this.#reserved
    if (more <= 0) return
    if (!this.services.budget.take(this.#peer, more, this.#held)) throw memoryFull()
    this.#held += more
    this.#reserved += more
  }

  /**
   * For a body of so many bytes. What is larger than the queue takes is copied in parts: counted from the beginning, or
   * large requests would crowd each other out when they have come whole.
   */
  #needed(bytes: number): number {
    return bytes > this.services.queue.maxRecordBytes ? 2 * bytes : bytes
  }

  /** Counts bytes that are kept in memory from now on. Throws when there is no room. */
  protected hold(bytes: number): void {
    const more = Math.max(bytes - this.#reserved, 0)
    if (more > 0 && !this.services.budget.take(this.#peer, more, this.#held)) throw memoryFull()
    this.#held += more
    this.#reserved -= bytes - more
  }

  #holdInflated(bytes: number): void {
    if (this.#answered) throw new AppError('UNAVAILABLE', 'nobody waits for this request any more')
    this.hold(bytes)
  }

  #drop(bytes: number): void {
    this.services.budget.give(this.#peer, bytes)
    this.#held -= bytes
  }

  /** From the whole body to the answer. Never throws. */
  protected async carry(parts: Parts, coding: Coding, json: boolean): Promise<void> {
    this.#waiting = true
    const receivedBytes = parts.length
    this.services.figures.bytes += receivedBytes
    this.expiresAt = Math.min(performance.now() + this.services.times.queue, this.#deadline)
    try {
      let body = parts.whole()
      if (coding !== 'identity') {
        body = await inflate(coding, body, maxBodyBytes, (bytes) => this.#holdInflated(bytes))
        this.#drop(receivedBytes)
        parts.recycle()
        if (this.#answered) return
      }
      if (json) {
        const text = body
        body = tracesFromJson(text)
        this.hold(body.length)
        this.#drop(text.length)
      }
      await this.#store(body)
      // Only now, and not after a failure: the queue may then still have it in its hands.
      parts.recycle()
    } catch (error) {
      this.refuse(refusalOf(error))
    } finally {
      this.release()
    }
  }

  async #store(body: Uint8Array): Promise<void> {
    const { queue, figures, requestIdOf } = this.services
    const checked = checkTraces(body)
    let accepted: Accepted = checked
    if (checked.spans > 0) {
      if (checked.body !== body) this.hold(checked.body.length)
      const facts = { tenant: defaultTenant, signal: 'traces' as const, receivedAt: nowNanos() }
      const { records, tooLarge } = recordsOf(facts, body, checked, queue.maxRecordBytes, requestIdOf)
      for (const record of records) if (record.body !== checked.body) this.hold(record.body.length)
      if (tooLarge > 0) accepted = withTooLarge(checked, tooLarge, queue.maxRecordBytes)
      this.#inQueue = new AbortController()
      await queue.append(records, this.#inQueue.signal)
      for (const record of records) if (record.body !== body) freeAtOnce(record.body)
      figures.accepted[this.transport] += checked.spans - tooLarge
    }
    figures.rejected[this.transport] += accepted.rejected
    if (this.#answered) return
    this.#answered = true
    this.sendAccepted(accepted)
  }

  /** The only answer but success; without effect once answered. */
  refuse(refusal: Refusal): void {
    if (this.#answered) return
    this.#answered = true
    this.services.figures.refused(this.transport, refusal.reason)
    if (refusal.code === 'BUG') this.services.log.error({ error: refusal.cause }, refusal.message)
    this.#inQueue?.abort(refusal)
    this.sendRefusal(refusal)
    if (!this.#waiting) this.release()
  }

  /** The peer went away: nobody is left to be answered. */
  protected gone(): void {
    if (this.#answered) return
    this.#answered = true
    this.services.figures.refused(this.transport, 'gone')
    this.#inQueue?.abort(new AppError('UNAVAILABLE', 'the sender went away'))
    if (!this.#waiting) this.release()
  }

  /** Called by the sweep. */
  expire(): void {
    if (this.expiresAt === this.#deadline) this.refuse(deadlinePassed())
    else this.refuse(this.#waiting ? queueTooSlow() : tooSlow(this.services.times.receive / 1000))
  }

  protected release(): void {
    this.#drop(this.#held)
    this.services.sweep.delete(this)
  }
}
