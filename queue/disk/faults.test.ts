import { afterEach, beforeEach, expect, test } from 'vitest'
import { numbered } from '../contract.suite.ts'
import type { QueueWriter } from '../contract.ts'
import { type SegmentIo, systemIo } from './appender.ts'
import { DiskLogBench, never } from './testing.ts'

let bench: DiskLogBench
beforeEach(() => {
  bench = new DiskLogBench()
})
afterEach(() => bench.destroy())

const numberOf = (body: Uint8Array) => Buffer.from(body).readUInt32LE()
const fault = (code: string) => Object.assign(new Error(`${code}: injected`), { code })

/** What each next call of a system call does; without one it works. */
function failing(): {
  readonly io: SegmentIo
  readonly next: { -readonly [call in keyof SegmentIo]?: () => unknown }
} {
  const next: { [call in keyof SegmentIo]?: () => unknown } = {}
  const io: SegmentIo = {
    async writev(fd, buffers, position) {
      const short = next.writev?.()
      if (typeof short !== 'number') return systemIo.writev(fd, buffers, position)
      return systemIo.writev(fd, [Buffer.concat(buffers).subarray(0, short)], position)
    },
    async fdatasync(fd) {
      await systemIo.fdatasync(fd)
      next.fdatasync?.()
    },
    async ftruncate(fd, length) {
      next.ftruncate?.()
      await systemIo.ftruncate(fd, length)
    },
  }
  return { io, next }
}
const raise = (code: string) => () => {
  throw fault(code)
}

async function expectRefusedThenWell(writer: QueueWriter, heal: () => void): Promise<void> {
  const refused = await Promise.allSettled([writer.append([numbered(1)], never), writer.append([numbered(2)], never)])
  for (const outcome of refused) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } })
  }
  expect(writer.health().ok).toBe(false)
  heal()
  await writer.append([numbered(3)], never)
  expect(writer.health().ok).toBe(true)
  expect((await bench.readAll(2)).map(({ body, offset }) => [numberOf(body), offset])).toEqual([
    [0, 0n],
    [3, 1n],
  ])
  await writer.close(never)
  const again = await bench.writer()
  await again.append([numbered(4)], never)
  expect((await bench.readAll(3)).map(({ body }) => numberOf(body))).toEqual([0, 3, 4])
}

test('a short write and then no room leave no trace', async () => {
  const { io, next } = failing()
  const writer = await bench.writer({}, io)
  await writer.append([numbered(0)], never)
  let calls = 0
  next.writev = () => {
    if (calls++ % 2 === 0) return 70
    throw fault('ENOSPC')
  }
  await expectRefusedThenWell(writer, () => delete next.writev)
  expect(bench.segments.length).toBe(1)
})

test('short writes alone are gone on with', async () => {
  const { io, next } = failing()
  const writer = await bench.writer({}, io)
  next.writev = () => 33
  await writer.append([numbered(0), numbered(1, 500)], never)
  expect((await bench.readAll(2)).map(({ body }) => body.length)).toEqual([20, 500])
})

test('after a failed fdatasync nothing more is written to that segment', async () => {
  const { io, next } = failing()
  const writer = await bench.writer({}, io)
  await writer.append([numbered(0)], never)
  next.fdatasync = raise('EIO')
  await expectRefusedThenWell(writer, () => delete next.fdatasync)
  expect(bench.segments.length).toBe(2)
})

test('what cannot even be cut off again is never read', async () => {
  const { io, next } = failing()
  const writer = await bench.writer({}, io)
  await writer.append([numbered(0)], never)
  next.fdatasync = raise('EIO')
  next.ftruncate = raise('EIO')
  await expectRefusedThenWell(writer, () => {
    delete next.fdatasync
    delete next.ftruncate
  })
  expect(bench.segments.length).toBe(2)
})

test('a disk that is bad from the start, when no segment has a record yet', async () => {
  const { io, next } = failing()
  const writer = await bench.writer({}, io)
  for (let i = 0; i < 3; i++) {
    next.fdatasync = raise('EIO')
    await expect(writer.append([numbered(9)], never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  }
  delete next.fdatasync
  await writer.append([numbered(0)], never)
  await writer.append([numbered(1)], never)
  expect((await bench.readAll(2)).map(({ body }) => numberOf(body))).toEqual([0, 1])
  expect(bench.segments.length).toBe(1)
})
