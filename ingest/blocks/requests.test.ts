import * as fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { AppError } from '../../base/errors.ts'
import { createBlockBuilder } from './builder.ts'
import { ClickHouse } from './truth/clickhouse.ts'
import { expectSameRows, storedSpans } from './truth/compare.ts'
import { expectedSkipped, expectedSpans } from './truth/expected.ts'
import { partition, recordOf } from './truth/records.ts'
import { traceRequest } from './truth/requests.ts'

const clickhouse = new ClickHouse()
afterAll(() => clickhouse[Symbol.dispose]())

const bytesOf = (builder: ReturnType<typeof createBlockBuilder>) =>
  builder.take().map(({ table, rows, chunks }) => ({ table, rows, bytes: Buffer.concat(chunks).toString('latin1') }))

test('arbitrary requests come back from ClickHouse as protobufjs reads them', () => {
  const builder = createBlockBuilder()
  let spans = 0
  fc.assert(
    fc.property(fc.array(traceRequest, { minLength: 20, maxLength: 60 }), (bodies) => {
      const expected = bodies.flatMap((body, i) => expectedSpans(body, BigInt(i)))
      const skipped = builder.skipped
      for (const [i, body] of bodies.entries()) builder.add(recordOf(body), partition, BigInt(i))
      expect(builder.rows).toBe(expected.length)
      expect(builder.skipped - skipped).toBe(bodies.reduce((sum, body) => sum + expectedSkipped(body), 0))
      spans += expected.length
      clickhouse.empty()
      for (const block of builder.take()) clickhouse.insert(block)
      builder.reset()
      expectSameRows(storedSpans(clickhouse), expected)
    }),
    { numRuns: 40 },
  )
  expect(spans).toBeGreaterThan(1000)
})

/** A body cut off, or with some of its bytes overwritten. */
const broken = fc
  .tuple(traceRequest, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }), fc.nat())
  .map(([body, writes, cut]) => {
    const bytes = Uint8Array.from(body)
    if (bytes.length > 0) for (const [at, byte] of writes) bytes[at % bytes.length] = byte
    return writes.length === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes
  })

test('a broken record is refused as protobufjs refuses it, and leaves no trace', () => {
  let refused = 0
  const builder = createBlockBuilder()
  const fresh = createBlockBuilder()
  fc.assert(
    fc.property(traceRequest, fc.array(broken, { maxLength: 4 }), traceRequest, (before, bad, after) => {
      builder.reset()
      fresh.reset()
      const good: Uint8Array[] = []
      for (const body of [before, ...bad, after]) {
        let accepts = true
        try {
          expectedSpans(body, 0n)
        } catch {
          accepts = false
        }
        try {
          builder.add(recordOf(body), partition, 1n)
          expect(accepts).toBe(true)
          good.push(body)
        } catch (thrown) {
          if (!(thrown instanceof AppError)) throw thrown
          expect(thrown.code).toBe('BAD_INPUT')
          expect(accepts).toBe(false)
          refused++
        }
      }
      for (const body of good) fresh.add(recordOf(body), partition, 1n)
      expect(bytesOf(builder)).toEqual(bytesOf(fresh))
    }),
    { numRuns: 3000, interruptAfterTimeLimit: 8_000 },
  )
  expect(refused).toBeGreaterThan(100)
})
