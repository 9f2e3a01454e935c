import { beforeAll, expect, test } from 'vitest'
import xxhash, { type XXHashAPI } from 'xxhash-wasm'
import { defaultTenant, type TenantId } from '../base/units.ts'
import { loadRequestIdOf, type RequestIdOf } from './request-id.ts'

let xx: XXHashAPI
let requestIdOf: RequestIdOf
beforeAll(async () => {
  xx = await xxhash()
  requestIdOf = await loadRequestIdOf()
})

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 31) & 0xff)

// In pieces or at once, the same hash: a resend must meet the id of the first attempt, in every version to come.
test.for([0, 1, 31, 32, 65_535, 65_536, 65_537, 131_072, 200_001])('XXH64 of %i bytes', (length) => {
  const body = bytes(length)
  expect(requestIdOf(defaultTenant, body)).toBe(xx.h64Raw(body, xx.h64('default')))
})

test('a known value', () => {
  expect(requestIdOf(defaultTenant, new TextEncoder().encode('weft'))).toBe(7196086550854662166n)
})

test('another tenant, another id', () => {
  expect(requestIdOf('other' as TenantId, bytes(10))).not.toBe(requestIdOf(defaultTenant, bytes(10)))
})
