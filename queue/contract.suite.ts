import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Nanos, TenantId } from '../base/units.ts'
import type { Assignment, QueueBatch, QueueReader, QueueRecord, QueueWriter } from './contract.ts'

/** One empty queue, and what the suite needs to know of its kind. */
export interface QueueUnderTest {
  /** A new writer, opened; the one before it was closed. */
  writer(): Promise<QueueWriter>
  /** A new reader, opened; the one before it was closed. */
  reader(): Promise<QueueReader>
  /** Makes a second member take the first one's partition: `first` is fenced once it settles. */
  fence?(first: QueueReader): Promise<void>
  /** Closes all members of the queue, that of `fence` included. */
  closeAll?(): Promise<void>
  /** Closes and removes everything that is left. */
  destroy(): Promise<void>
}

const never = new AbortController().signal

/** A record whose body tells its number; `bytes` more of it do not compress. */
export function numbered(number: number, bytes = 20): QueueRecord {
  const body = Buffer.alloc(Math.max(bytes, 8))
  for (let i = 8; i < body.length; i++) body[i] = (number * 31 + i * 7 + (i >> 8)) & 255
  body.writeUInt32LE(number, 0)
  return {
    tenant: (number % 3 === 0 ? 'default' : `tenant-${number % 3}-ü`) as TenantId,
    signal: (['traces', 'logs', 'metrics'] as const)[number % 3] as 'traces',
    receivedAt: (1_800_000_000_000_000_000n + BigInt(number)) as Nanos,
    requestId: 0xffff_ffff_ffff_ff00n + BigInt(number % 256),
    itemCount: number % 7,
    body,
  }
}

/** Reads until `count` records came, or none came for a second. */
export async function readAll(
  assignment: Assignment,
  from: bigint,
  count: number,
  maxBytes = 1 << 20,
): Promise<Read[]> {
  const all: Read[] = []
  for (let next = from; all.length < count;) {
    const batch: QueueBatch = await assignment.read(next, { maxBytes, maxWaitMs: 1000 })
    if (batch.records.length === 0) break
    for (const { offset, record } of batch.records) all.push({ offset, ...record, body: Buffer.from(record.body) })
    next = batch.next
  }
  return all
}
export type Read = QueueRecord & { readonly offset: bigint }

export async function firstAssignment(reader: QueueReader): Promise<Assignment> {
  for await (const assignment of reader.assignments()) return assignment
  throw new Error('the reader was closed before it had an assignment')
}

async function append(writer: QueueWriter, ...numbers: number[]): Promise<void> {
  for (const number of numbers) await writer.append([numbered(number)], never)
}

/** What every queue must keep to; it has one partition here. One that knows several members (`fenced`) can `fence`. */
export function describeQueue(name: string, fenced: boolean, setup: () => Promise<QueueUnderTest>): void {
  describe(`${name} as a queue`, () => {
    let queue: QueueUnderTest
    let open: { close(signal: AbortSignal): Promise<void> }[] = []

    beforeEach(async () => {
      queue = await setup()
    })
    afterEach(async () => {
      for (const one of open.toReversed()) await one.close(never)
      open = []
      await queue.destroy()
    })

    async function openWriter(): Promise<QueueWriter> {
      const writer = await queue.writer()
      open.push(writer)
      return writer
    }
    async function openReader(): Promise<{ reader: QueueReader; assignment: Assignment }> {
      const reader = await queue.reader()
      open.push(reader)
      return { reader, assignment: await firstAssignment(reader) }
    }
    test('records come back as they were appended, in order', async () => {
      const writer = await openWriter()
      await writer.append([numbered(0), numbered(1), numbered(2)], never)
      await append(writer, 3, 4)
      const { assignment } = await openReader()
      const read = await readAll(assignment, 0n, 5)
      expect(read).toEqual(read.map(({ offset }, i) => ({ offset, ...numbered(i) })))
      expect(read.length).toBe(5)
      for (const [i, { offset }] of read.entries())
        if (i > 0) expect(offset).toBeGreaterThan(read[i - 1]?.offset ?? -1n)
    })

    test('an append of several records keeps them together under concurrency', async () => {
      const writer = await openWriter()
      await Promise.all(
        Array.from({ length: 50 }, (_, i) => writer.append([numbered(i * 2), numbered(i * 2 + 1)], never)),
      )
      const { assignment } = await openReader()
      const numbers = (await readAll(assignment, 0n, 100)).map(({ body }) => Buffer.from(body).readUInt32LE())
      expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
      for (let i = 0; i < 100; i += 2) expect(numbers[i + 1]).toBe((numbers[i] ?? 0) + 1)
    })

    test('an empty body and an empty append are fine', async () => {
      const writer = await openWriter()
      await writer.append([], never)
      await writer.append([{ ...numbered(1), body: new Uint8Array(0) }], never)
      const { assignment } = await openReader()
      const read = await readAll(assignment, 0n, 1)
      expect(read.map(({ body }) => body.length)).toEqual([0])
    })

    test('what was appended is there after both sides were opened anew', async () => {
      const writer = await openWriter()
      await append(writer, 0, 1)
      await writer.close(never)
      const again = await openWriter()
      await append(again, 2)
      const { assignment } = await openReader()
      expect((await readAll(assignment, 0n, 3)).map(({ body }) => body)).toEqual(
        [0, 1, 2].map((i) => Buffer.from(numbered(i).body)),
      )
    })

    test('the body is borrowed only until append settles', async () => {
      const writer = await openWriter()
      const record = numbered(7)
      const body = Buffer.from(record.body)
      await writer.append([{ ...record, body }], never)
      body.fill(0)
      const { assignment } = await openReader()
      expect((await readAll(assignment, 0n, 1))[0]?.body).toEqual(Buffer.from(record.body))
    })

    test('a commit with its note survives, and its queue goes on from there', async () => {
      const writer = await openWriter()
      await append(writer, 0, 1, 2)
      const first = await openReader()
      expect(first.assignment.committed).toBeUndefined()
      const read = await readAll(first.assignment, 0n, 3)
      const next = read[2]?.offset ?? -1n
      await first.assignment.commit(read[1]?.offset ?? -1n, 'an earlier note')
      await first.assignment.commit(next, 'a note, with ü: 1:2:3')
      await first.reader.close(never)
      const second = await openReader()
      expect(second.assignment.committed).toEqual({ next, note: 'a note, with ü: 1:2:3' })
      expect(second.assignment.at).toEqual(first.assignment.at)
      expect((await readAll(second.assignment, next, 1))[0]?.body).toEqual(Buffer.from(numbered(2).body))
      await second.assignment.commit(next + 1n, '')
      await second.reader.close(never)
      const third = await openReader()
      expect(third.assignment.committed).toEqual({ next: next + 1n, note: '' })
    })

    test('any offset can be read again, with the same records', async () => {
      const writer = await openWriter()
      await append(writer, ...Array.from({ length: 30 }, (_, i) => i))
      const { assignment } = await openReader()
      const all = await readAll(assignment, 0n, 30, 100)
      for (const at of [20, 3, 29, 0, 4]) {
        const from = all[at]?.offset ?? -1n
        expect(await readAll(assignment, from, 30 - at, 100)).toEqual(all.slice(at))
      }
      await assignment.commit((all[9]?.offset ?? -1n) + 1n, '')
      expect(await readAll(assignment, all[12]?.offset ?? -1n, 18)).toEqual(all.slice(12))
    })

    test('an empty batch comes after the wait, and not much later', async () => {
      const writer = await openWriter()
      await append(writer, 0)
      const { assignment } = await openReader()
      const { next } = await assignment.read(0n, { maxBytes: 1000, maxWaitMs: 1000 })
      const begun = performance.now()
      const batch = await assignment.read(next, { maxBytes: 1000, maxWaitMs: 150 })
      expect(batch).toEqual({ records: [], next })
      expect(performance.now() - begun).toBeGreaterThan(140)
      expect(performance.now() - begun).toBeLessThan(1500)
      expect(await assignment.read(next, { maxBytes: 1000, maxWaitMs: 0 })).toEqual({ records: [], next })
    })

    test('a waiting read gets what is appended meanwhile', async () => {
      const writer = await openWriter()
      const { assignment } = await openReader()
      for (let i = 0, next = 0n; i < 5; i++) {
        const reading = assignment.read(next, { maxBytes: 1000, maxWaitMs: 20_000 })
        await new Promise((resolve) => setTimeout(resolve, 30))
        await append(writer, i)
        const batch = await reading
        expect(batch.records.map(({ record }) => Buffer.from(record.body).readUInt32LE())).toEqual([i])
        next = batch.next
      }
    })

    test('at least one record comes, whatever its size and the limit', async () => {
      const writer = await openWriter()
      const large = numbered(1, 20 * 1024 * 1024)
      expect(writer.maxRecordBytes).toBeGreaterThan(large.body.length)
      await writer.append([numbered(0), large, numbered(2)], never)
      const { assignment } = await openReader()
      const read = await readAll(assignment, 0n, 3, 1)
      expect(read.map(({ body }) => body.length)).toEqual([20, large.body.length, 20])
      expect(Buffer.from(large.body).equals(read[1]?.body ?? Buffer.alloc(0))).toBe(true)
    })

    test('an append that is aborted rejects, or its record is there', async () => {
      const writer = await openWriter()
      await expect(writer.append([numbered(0)], AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
      const controller = new AbortController()
      const appends = Array.from({ length: 20 }, (_, i) => writer.append([numbered(i + 1)], controller.signal))
      controller.abort(new Error('given up'))
      const outcomes = await Promise.allSettled(appends)
      await append(writer, 100)
      const { assignment } = await openReader()
      const numbers = (await readAll(assignment, 0n, 100)).map(({ body }) => Buffer.from(body).readUInt32LE())
      for (const [i, { status }] of outcomes.entries()) if (status === 'fulfilled') expect(numbers).toContain(i + 1)
      expect(numbers).not.toContain(0)
      expect(numbers.at(-1)).toBe(100)
    })

    test('a read that is aborted rejects', async () => {
      const writer = await openWriter()
      await append(writer, 0)
      const { assignment } = await openReader()
      const controller = new AbortController()
      const reading = assignment.read(1n, { maxBytes: 1000, maxWaitMs: 20_000 }, controller.signal)
      setTimeout(() => controller.abort(new Error('no more')), 30)
      await expect(reading).rejects.toThrow('no more')
      expect((await readAll(assignment, 0n, 1)).length).toBe(1)
    })

    test('the lag counts what is not committed, and reaches zero', async () => {
      const writer = await openWriter()
      const { reader, assignment } = await openReader()
      await append(writer, 1, 2, 3)
      const read = await readAll(assignment, 0n, 3)
      const [lag] = await reader.lag()
      expect(lag).toMatchObject({ at: assignment.at, records: 3n, items: 6n })
      expect(lag?.bytes).toBeGreaterThanOrEqual(60)
      await assignment.commit((read[0]?.offset ?? -1n) + 1n, '')
      expect((await reader.lag())[0]).toMatchObject({ records: 2n, items: 5n })
      await assignment.commit((read[2]?.offset ?? -1n) + 1n, '')
      expect((await reader.lag())[0]).toMatchObject({ records: 0n, items: 0n, bytes: 0 })
    })

    test('close is idempotent, safe before open is over, and ends the assignments', async () => {
      const writer = await openWriter()
      await append(writer, 0)
      const reader = await queue.reader()
      const seen: Assignment[] = []
      const ended = (async () => {
        for await (const assignment of reader.assignments()) seen.push(assignment)
      })()
      while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      const reading = seen[0]?.read(1n, { maxBytes: 1000, maxWaitMs: 20_000 })
      const refused = expect(reading).rejects.toThrow()
      await reader.close(never)
      await reader.close(never)
      await ended
      await refused
      expect(seen[0]?.revoked.aborted).toBe(true)
      expect(seen[0]?.owned()).toBe(false)
      await expect(seen[0]?.commit(1n, '')).rejects.toThrow()
      await writer.close(never)
      await writer.close(never)
      await expect(writer.append([numbered(1)], never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      expect(writer.health().ok).toBe(false)
    })

    test('close waits for the appends under way', async () => {
      const writer = await openWriter()
      const appends = Promise.all([append(writer, 0), writer.append([numbered(1)], never)])
      await writer.close(never)
      await appends
      const again = await openWriter()
      const { assignment } = await openReader()
      expect((await readAll(assignment, 0n, 2)).length).toBe(2)
      expect(again.health().ok).toBe(true)
    })

    // Where the kernel's lock admits one reader there is nobody to be fenced by.
    if (!fenced) return
    test('a fenced member can never commit again', async () => {
      const writer = await openWriter()
      await append(writer, 0, 1)
      const { reader, assignment } = await openReader()
      await readAll(assignment, 0n, 2)
      await assignment.commit(1n, '')
      await queue.fence?.(reader)
      await expect(assignment.commit(2n, '')).rejects.toThrow()
      await expect(assignment.commit(2n, '')).rejects.toThrow()
      expect(assignment.revoked.aborted).toBe(true)
      expect(assignment.owned()).toBe(false)
      await expect(assignment.read(1n, { maxBytes: 1000, maxWaitMs: 0 })).rejects.toThrow()
    })

    test('what a fenced member tried to commit is not there', async () => {
      const writer = await openWriter()
      await append(writer, 0, 1)
      const first = await openReader()
      await first.assignment.commit(1n, 'the last that counts')
      await queue.fence?.(first.reader)
      await expect(first.assignment.commit(2n, 'too late')).rejects.toThrow()
      await queue.closeAll?.()
      const { assignment } = await openReader()
      expect(assignment.committed).toEqual({ next: 1n, note: 'the last that counts' })
      expect((await readAll(assignment, 1n, 1)).length).toBe(1)
    })
  })
}
