import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { traceRequestType } from '../test/otlp-oracle.ts'
import { checkTraces } from './check.ts'

test('smoke', () => {
  const c = traceRequestType
    .encode(
      traceRequestType.fromObject({
        resourceSpans: [
          {
            resource: { attributes: [{ key: Buffer.from('a'), value: { intValue: -1 } }] },
            scopeSpans: [
              {
                spans: [
                  { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 1) },
                  { traceId: Buffer.alloc(15, 1), spanId: Buffer.alloc(8, 1) },
                ],
              },
            ],
          },
        ],
      }),
    )
    .finish()
  const r = checkTraces(c)
  expect(r.spans).toBe(1)
  expect(r.rejected).toBe(1)
  console.log(r, JSON.stringify(traceRequestType.decode(r.body)))
})
