import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Nanos } from '../../base/units.ts'
import { firstAssignment, numbered, readAll } from '../contract.suite.ts'
import type { QueueWriter } from '../contract.ts'
import { type SegmentIo, systemIo } from './appender.ts'
import { createDiskReader } from './reader.ts'
import { DiskLogBench, never } from './testing.ts'

let bench: DiskLogBench
beforeEach(() => {
  bench = new DiskLogBench()
})
afterEach(() => bench.destroy())

const numberOf = (body: Uint8Array) => Buffer.from(body).readUInt32LE()

/** Appends records of 10 kB from `first` on until one is refused; returns those that were not, and the refusal. */
async function appendUntilRefused(writer: QueueWriter, first: number) {
  const acknowledged: number[] = []
  for (let i = first; i < first + 1000; i++) {
    try {
      await writer.append([numbered(i, 10_000)], never)
    } catch (error) {
      return { acknowledged, error: error as { readonly code: string } }
    }
    acknowledged.push(i)
  }
  throw new Error('nothing was refused')
}

test('a full log refuses, and takes records again once some were consumed', async () => {
  const writer = await bench.writer({ maxBytes: 200_000 })
  const { assignment } = await bench.reader()
  let next = 0n
  let number = 0
  for (let round = 0; round < 5; round++) {
    const { acknowledged, error } = await appendUntilRefused(writer, number)
    expect(error.code).toBe('OVERLOADED')
    expect(writer.health().ok).toBe(false)
    expect(acknowledged.length).toBeGreaterThan(5)
    number += acknowledged.length
    const read = await readAll(assignment, next, acknowledged.length)
    expect(read.map(({ body }) => numberOf(body))).toEqual(acknowledged)
    next += BigInt(read.length)
    await assignment.commit(next, '')
  }
})

test('a record larger than the whole log is taken when the log is empty', async () => {
  const writer = await bench.writer({ maxBytes: 100_000 })
  await writer.append([numbered(0, 1_000_000)], never)
  await expect(writer.append([numbered(1)], never)).rejects.toMatchObject({ code: 'OVERLOADED' })
  const { assignment } = await bench.reader()
  expect((await readAll(assignment, 0n, 1))[0]?.body.length).toBe(1_000_000)
  await assignment.commit(1n, '')
  await writer.append([numbered(1)], never)
})

test('a record over the limit is refused for good', async () => {
  const writer = await bench.writer()
  const body = Buffer.alloc(writer.maxRecordBytes + 1)
  await expect(writer.append([{ ...numbered(0), body }], never)).rejects.toMatchObject({ code: 'TOO_LARGE' })
})

test('a log whose oldest record waits too long refuses until it is consumed', async () => {
  const writer = await bench.writer({ maxAgeMs: 60_000 })
  const receivedAt = (BigInt(Date.now() - 61_000) * 1_000_000n) as Nanos
  await writer.append([{ ...numbered(0), receivedAt }], never)
  await new Promise((resolve) => setTimeout(resolve, 1200))
  await expect(writer.append([numbered(1)], never)).rejects.toMatchObject({ code: 'OVERLOADED' })
  const { assignment } = await bench.reader()
  await readAll(assignment, 0n, 1)
  await assignment.commit(1n, '')
  await new Promise((resolve) => setTimeout(resolve, 1200))
  await writer.append([numbered(1)], never)
  expect(writer.health().ok).toBe(true)
})

test('consumed segments are deleted, but not the last', async () => {
  const writer = await bench.writer({ segmentBytes: 200 })
  for (let i = 0; i < 6; i++) await writer.append([numbered(i)], never)
  expect(bench.segments).toHaveLength(6)
  const { assignment } = await bench.reader()
  await readAll(assignment, 0n, 6)
  await assignment.commit(4n, '')
  await vi.waitFor(() => expect(bench.segments).toHaveLength(2), 5_000)
  await assignment.commit(6n, '')
  await vi.waitFor(() => expect(bench.segments).toHaveLength(1), 5_000)
  await writer.append([numbered(6)], never)
  expect((await readAll(assignment, 6n, 1)).map(({ body }) => numberOf(body))).toEqual([6])
})

/** A disk of 4 MiB: a real one where this process may mount one, else system calls that say so. */
function smallDisk(): { readonly folder: string; readonly io: SegmentIo; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'weft-small-'))
  if (process.platform === 'linux' && process.getuid?.() === 0) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder])
    return {
      folder,
      io: systemIo,
      remove() {
        execFileSync('umount', [folder])
        rmSync(folder, { recursive: true })
      },
    }
  }
  const bytesIn = () => new DiskLogBench(folder).segments.length * 512 * 1024
  const io: SegmentIo = {
    ...systemIo,
    writev(fd, buffers, position) {
      if (bytesIn() > 4 * 1024 * 1024) throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })
      return systemIo.writev(fd, buffers, position)
    },
  }
  return { folder, io, remove: () => rmSync(folder, { recursive: true }) }
}

test('a full disk refuses, deletion works while it is full, and then all goes on by itself', async () => {
  const disk = smallDisk()
  const bench = new DiskLogBench(join(disk.folder, 'queue'))
  try {
    const writer = await bench.writer({ segmentBytes: 256 * 1024 }, disk.io)
    const { assignment } = await bench.reader()
    let next = 0n
    let number = 0
    for (let round = 0; round < 3; round++) {
      const { acknowledged, error } = await appendUntilRefused(writer, number)
      expect(error.code).toBe('UNAVAILABLE')
      expect(acknowledged.length).toBeGreaterThan(100)
      expect(writer.health().ok).toBe(false)
      const read = await readAll(assignment, next, acknowledged.length)
      expect(read.map(({ body }) => numberOf(body))).toEqual(acknowledged)
      number += acknowledged.length
      next += BigInt(read.length)
      await assignment.commit(next, 'while the disk is full')
      await new Promise((resolve) => setTimeout(resolve, 1200))
    }
    await writer.append([numbered(number)], never)
    expect(writer.health().ok).toBe(true)
  } finally {
    await bench.destroy()
    disk.remove()
  }
})

test('there is one writer and one reader', async () => {
  await bench.writer()
  await expect(bench.writer()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('another writer') as unknown,
  })
  await bench.reader()
  await expect(bench.reader()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('another reader') as unknown,
  })
})

test('a folder that cannot be written gives one clear error', async () => {
  const file = join(bench.folder, 'a file')
  writeFileSync(file, '')
  const inFile = new DiskLogBench(join(file, 'queue'))
  await expect(inFile.writer()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining(file) as unknown,
  })
  await expect(inFile.reader()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining(file) as unknown,
  })
})

test('a folder with a very long name wakes its reader all the same', async () => {
  const long = join(bench.folder, ...Array.from({ length: 4 }, () => 'x'.repeat(60)))
  mkdirSync(long, { recursive: true })
  const far = new DiskLogBench(long)
  const writer = await far.writer()
  const { assignment } = await far.reader()
  await assignment.read(0n, { maxBytes: 1000, maxWaitMs: 100 })
  const waits: number[] = []
  for (let i = 0; i < 5; i++) {
    const reading = assignment.read(BigInt(i), { maxBytes: 1000, maxWaitMs: 20_000 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    await writer.append([numbered(i)], never)
    const begun = performance.now()
    await reading
    waits.push(performance.now() - begun)
  }
  // Polling, with a socket, is once a second.
  expect(Math.min(...waits)).toBeLessThan(500)
  expect(far.lines.filter(({ message }) => message.includes('socket'))).toEqual([])
  await far.closeAll()
})

test('the reader may come first, and sees when another log takes the place of this one', async () => {
  const reader = createDiskReader({ folder: bench.folder, log: bench.log, metrics: bench.metrics })
  await reader.open(never)
  const coming = firstAssignment(reader)
  const writer = await bench.writer()
  await writer.append([numbered(0)], never)
  const first = await coming
  expect((await readAll(first, 0n, 1)).length).toBe(1)
  await first.commit(1n, '')
  await writer.close(never)
  const seen: string[] = []
  const watching = (async () => {
    for await (const { at, committed } of reader.assignments()) {
      seen.push(at.logId)
      if (at.logId !== first.at.logId) {
        expect(committed).toBeUndefined()
        return
      }
    }
  })()
  for (const segment of bench.segments) rmSync(segment)
  const again = await bench.writer()
  await again.append([numbered(1)], never)
  await watching
  expect(seen.length).toBe(2)
  await reader.close(never)
})
