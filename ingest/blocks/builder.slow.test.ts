import { expect, test } from 'vitest'
import { createBlockBuilder } from './builder.ts'
import { maxBlockBytes } from './native/limits.ts'
import { partition, recordOf } from './truth/records.ts'

const limit = 20 * 1024 * 1024

function sized(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(parts)
  const head = [tag]
  let size = bytes.length
  for (; size > 127; size >>>= 7) head.push((size & 127) | 128)
  return Buffer.concat([Uint8Array.from([...head, size]), bytes])
}

const id = (i: number): Uint8Array =>
  Buffer.concat([
    sized(0x0a, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, i, i >> 8, i >> 16, 1)),
    sized(0x12, Uint8Array.of(i, i >> 8, i >> 16, 1, 1, 1, 1, 1)),
  ])
const request = (...spans: readonly Uint8Array[]) => sized(0x0a, sized(0x12, ...spans))
const span = (...fields: readonly Uint8Array[]) => sized(0x12, id(1), ...fields)
const full = (...unit: number[]): Uint8Array => Buffer.alloc(limit - 300, Uint8Array.from(unit))

const resourceOf = (i: number) =>
  sized(0x0a, sized(0x0a, sized(0x0a, Buffer.from('service.name')), sized(0x12, sized(0x0a, Buffer.from(`s${i}`)))))
const resources = (i: number) => sized(0x0a, resourceOf(i), sized(0x12, sized(0x12, id(i))))
const key = (i: number) => sized(0x4a, sized(0x0a, Buffer.from(`k${i}`)))

test.each<[string, number, () => Uint8Array]>([
  [
    '690,000 spans of nothing but ids',
    690_000,
    () => request(Buffer.concat(Array.from({ length: 690_000 }, (_, i) => sized(0x12, id(i))))),
  ],
  ['100,000 resources', 100_000, () => Buffer.concat(Array.from({ length: 100_000 }, (_, i) => resources(i)))],
  ['10 million empty links', 1, () => request(span(full(0x6a, 0)))],
  ['10 million empty events', 1, () => request(span(full(0x5a, 0)))],
  ['10 million empty attributes', 1, () => request(span(full(0x4a, 0)))],
  ['a link with 10 million empty attributes', 1, () => request(span(sized(0x6a, full(0x22, 0))))],
  [
    'a million attribute keys',
    1,
    () => request(span(Buffer.concat(Array.from({ length: 1_000_000 }, (_, i) => key(i))))),
  ],
  ['a value of 20 MiB', 1, () => request(span(sized(0x4a, sized(0x12, sized(0x0a, full(0xc3, 0xa9))))))],
  [
    'control characters in a list',
    1,
    () => request(span(sized(0x4a, sized(0x12, sized(0x2a, sized(0x0a, sized(0x0a, full(1)))))))),
  ],
  ['an attribute with 5 million values', 1, () => request(span(sized(0x4a, full(0x12, 2, 0x2a, 0))))],
  ['a resource in 5 million pieces', 1, () => sized(0x0a, full(0x0a, 2, 0x0a, 0), sized(0x12, span()))],
  ['10 million empty scopes', 1, () => sized(0x0a, full(0x12, 0), sized(0x12, span()))],
])('20 MiB are read in bounded time and memory: %s', (_, rows, make) => {
  const body = make()
  const builder = createBlockBuilder()
  const before = process.cpuUsage()
  builder.add(recordOf(body), partition, 0n)
  const blocks = builder.take()
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1e6).toBeLessThan(10)
  expect(builder.rows).toBe(rows)
  const weight = blocks.flatMap(({ chunks }) => chunks).reduce((sum, { length }) => sum + length, 0)
  expect(weight).toBeLessThan(maxBlockBytes)
  expect(builder.bytes).toBeGreaterThan(weight * 0.9 - 4096)
})

test('a block is full before it has a million rows: the record must come again after reset', () => {
  const builder = createBlockBuilder()
  const half = recordOf(request(Buffer.concat(Array.from({ length: 600_000 }, (_, i) => sized(0x12, id(i))))))
  builder.add(half, partition, 0n)
  expect(() => builder.add(half, partition, 1n)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }))
  expect(builder.rows).toBe(600_000)
  builder.reset()
  builder.add(half, partition, 1n)
  expect(builder.rows).toBe(600_000)
})
