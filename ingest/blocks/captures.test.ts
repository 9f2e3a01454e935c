import { afterAll, expect, test } from 'vitest'
import { tracesFromJson } from '../../otlp/json.ts'
import { capturedTraces } from '../../test/captured.ts'
import { createBlockBuilder } from './builder.ts'
import { ClickHouse } from './truth/clickhouse.ts'
import { expectSameRows, storedSpans } from './truth/compare.ts'
import { expectedSpans } from './truth/expected.ts'
import { partition, recordOf } from './truth/records.ts'

const clickhouse = new ClickHouse()
afterAll(() => clickhouse[Symbol.dispose]())

const bodies = capturedTraces().map(({ body, contentType }) =>
  contentType.includes('json') ? tracesFromJson(body) : body,
)

test('what every real client sent comes back from ClickHouse as protobufjs reads it', () => {
  const builder = createBlockBuilder()
  const expected = bodies.flatMap((body, i) => expectedSpans(body, BigInt(i)))
  for (const [i, body] of bodies.entries()) builder.add(recordOf(body), partition, BigInt(i))
  expect(builder.rows).toBe(expected.length)
  expect(expected.length).toBeGreaterThan(500)
  for (const block of builder.take()) clickhouse.insert(block)
  expectSameRows(storedSpans(clickhouse), expected)
})
