import { AppError } from '../../../base/errors.ts'
import type { Nanos, TenantId } from '../../../base/units.ts'
import type { Assignment, QueueReader, QueueRecord } from '../../../queue/contract.ts'
import type { FakeBody } from './builder.ts'

export const at = { topic: 'spans', partition: 3, logId: 'c0ffee00-0000-4000-8000-000000000000' }

/** What survives a process: the records of one partition and its commit. */
export class FakeQueue {
  readonly records: QueueRecord[] = []
  /** Offsets of records that cannot be read any more. */
  readonly damaged = new Set<bigint>()
  reads = 0
  committed: { readonly next: bigint; readonly note: string } | undefined
  commits: string[] = []

  append(requestId: bigint, receivedAt: bigint, body: FakeBody): void {
    this.records.push({
      tenant: 'default' as TenantId,
      signal: 'traces',
      receivedAt: receivedAt as Nanos,
      requestId,
      itemCount: body.spans.length,
      body: Buffer.from(JSON.stringify(body)),
    })
  }

  get lag(): bigint {
    return BigInt(this.records.length) - (this.committed?.next ?? 0n)
  }

  /**
   * What one process sees of the queue. Bodies are overwritten at the next read.
   *
   * @param step runs before each call takes effect (commits: after it too): to fail, or to hang in a process that died
   */
  reader(step: (call: string) => Promise<void>): QueueReader & { revoke(): void } {
    const revoked = new AbortController()
    const closed = Promise.withResolvers<void>()
    let fenced = false
    let lent: Uint8Array[] = []
    const assignment: Assignment = {
      at,
      revoked: revoked.signal,
      committed: this.committed,
      read: async (from, { maxBytes, maxWaitMs }, signal) => {
        for (const body of lent) body.fill(0)
        lent = []
        this.reads++
        await step('read')
        const until = performance.now() + maxWaitMs
        while (this.records.length <= from && performance.now() < until) {
          await new Promise((resolve) => setTimeout(resolve, 1))
          signal?.throwIfAborted()
          revoked.signal.throwIfAborted()
        }
        const records: { offset: bigint; record: QueueRecord }[] = []
        let bytes = 0
        let next = from
        for (; next < this.records.length && (bytes < maxBytes || bytes === 0); next++) {
          const offset = next
          if (this.damaged.has(offset)) continue
          const record = this.records[Number(offset)] as QueueRecord
          const body = Uint8Array.from(record.body)
          lent.push(body)
          records.push({ offset, record: { ...record, body } })
          bytes += body.length
        }
        return { records, next }
      },
      commit: async (next, note) => {
        await step('commit')
        if (fenced) throw new AppError('FORBIDDEN', 'fenced')
        this.committed = { next, note }
        this.commits.push(`${next} ${note}`)
        await step('committed')
      },
      owned: () => !fenced,
    }
    return {
      async *assignments() {
        yield assignment
        await closed.promise
      },
      lag: () => Promise.resolve([]),
      open: () => Promise.resolve(),
      close: () => {
        closed.resolve()
        return Promise.resolve()
      },
      health: () => ({ ok: true }),
      revoke: () => {
        fenced = true
        revoked.abort(new AppError('UNAVAILABLE', 'revoked'))
      },
    }
  }
}
