import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { numbered } from '../contract.suite.ts'
import { type SegmentIo, systemIo } from './appender.ts'
import { DiskLogBench, never } from './testing.ts'

let bench: DiskLogBench
beforeEach(() => {
  bench = new DiskLogBench()
})
afterEach(() => bench.destroy())

function counting(): { readonly io: SegmentIo; groups: number } {
  const counted = {
    groups: 0,
    io: {
      ...systemIo,
      fdatasync(fd: number) {
        counted.groups++
        return systemIo.fdatasync(fd)
      },
    },
  }
  return counted
}

test('senders that come back one after the other share a group', async () => {
  const counted = counting()
  const writer = await bench.writer({}, counted.io)
  counted.groups = 0
  const lanes = 4
  const rounds = 30
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let i = 0; i < rounds; i++) {
        await writer.append([numbered(i * lanes + lane)], never)
        for (let turn = 0; turn < lane; turn++) await new Promise((resolve) => setImmediate(resolve))
      }
    }),
  )
  expect(counted.groups).toBeLessThan(rounds * 2)
  expect((await bench.readAll(lanes * rounds)).length).toBe(lanes * rounds)
})

test('one that does not come back is waited for once, and not for long', async () => {
  const writer = await bench.writer()
  await Promise.all([0, 1, 2].map((i) => writer.append([numbered(i)], never)))
  for (let i = 3; i < 6; i++) await writer.append([numbered(i)], never)
  expect((await bench.readAll(6)).length).toBe(6)
})

test('what is given up while it waits for others leaves nothing, and a close does not wait for them', async () => {
  const writer = await bench.writer()
  await Promise.all([0, 1, 2].map((i) => writer.append([numbered(i)], never)))
  const giveUp = new AbortController()
  const given = writer.append([numbered(3)], giveUp.signal)
  await new Promise((resolve) => setImmediate(resolve))
  giveUp.abort(new Error('no longer wanted'))
  await expect(given).rejects.toThrow('no longer wanted')
  await pause(20)
  await writer.append([numbered(4)], never)
  const last = writer.append([numbered(5)], never)
  await writer.close(never)
  await last
  const again = await bench.writer()
  await again.append([numbered(6)], never)
  const read = await bench.readAll(6)
  expect(read.map(({ body }) => Buffer.from(body).readUInt32LE())).toEqual([0, 1, 2, 4, 5, 6])
})
