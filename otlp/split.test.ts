import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { traceRequests } from '../test/otlp-arbitraries.ts'
import { traceRequestType, traceRequestTypeWithStrings } from '../test/otlp-oracle.ts'
import { countSpans } from './envelopes.ts'
import { splitTraces } from './split.ts'

/** Each span with its scope's and resource's own fields, by the official library; as bytes, so that nothing is lost. */
function spansOf(body: Uint8Array): string[] {
  interface Decoded {
    resourceSpans: {
      resource?: object
      schemaUrl: Uint8Array
      scopeSpans: { scope?: object; schemaUrl: Uint8Array; spans: object[] }[]
    }[]
  }
  const type = traceRequestType
  const whole = type.toObject(type.decode(body), { bytes: String, longs: String, arrays: true }) as unknown as Decoded
  return whole.resourceSpans.flatMap(({ scopeSpans, ...resource }) =>
    scopeSpans.flatMap(({ spans, ...scope }) => spans.map((span) => JSON.stringify([resource, scope, span]))),
  )
}

const encode = (request: object) =>
  traceRequestTypeWithStrings.encode(traceRequestTypeWithStrings.fromObject(request)).finish()

const small = (name: string) => ({ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), name })

describe('splitTraces', () => {
  test('the parts together are the whole, each within the limit', () => {
    fc.assert(
      fc.property(traceRequests, fc.integer({ min: 20, max: 3000 }), (request, limit) => {
        const body = encode(request)
        const { parts, tooLarge } = splitTraces(body, limit)
        for (const part of parts) {
          expect(part.body.length).toBeLessThanOrEqual(limit)
          expect(part.spans).toBeGreaterThan(0)
          expect(countSpans(part.body)).toBe(part.spans)
        }
        const whole = spansOf(body)
        const together = parts.flatMap((part) => spansOf(part.body))
        expect(countSpans(body)).toBe(whole.length)
        expect(together.length + tooLarge).toBe(whole.length)
        if (tooLarge === 0) expect(together).toEqual(whole)
        else for (const span of together) expect(whole).toContain(span)
      }),
      { numRuns: 300 },
    )
  })

  test('the same body makes the same parts', () => {
    const spans = Array.from({ length: 100 }, (_, i) => small(`span ${i}`))
    const body = encode({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
    expect(splitTraces(body, 500)).toEqual(splitTraces(Uint8Array.from(body), 500))
  })

  test('a span that is too large by itself is left out and counted, the others stay', () => {
    const spans = [small('a'), small('b'.repeat(5000)), small('c')]
    const { parts, tooLarge } = splitTraces(encode({ resourceSpans: [{ scopeSpans: [{ spans }] }] }), 1000)
    expect(tooLarge).toBe(1)
    expect(parts.map(({ spans }) => spans)).toEqual([2])
  })

  test('a large resource is not repeated without end', () => {
    const value = { stringValue: 'x'.repeat(900_000) }
    const resource = { attributes: [{ key: 'k', value }] }
    const spans = Array.from({ length: 200 }, () => small('s'.repeat(90_000)))
    const body = encode({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] })
    expect(() => splitTraces(body, 1_000_000)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }))
  })

  test('what is no protobuf is refused', () => {
    expect(() => splitTraces(Uint8Array.of(0x0a, 0x05, 1), 10)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }))
  })
})
