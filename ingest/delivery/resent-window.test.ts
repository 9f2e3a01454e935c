import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Nanos } from '../../base/units.ts'
import { ResentWindow, WindowRoom, windowNanos } from './resent-window.ts'

const second = 1_000_000_000n
const begin = 1_800_000_000n * second
const at = (seconds: number): Nanos => (begin + BigInt(seconds) * second) as Nanos

test('a resend is one at a higher offset, up to 15 minutes after the first', () => {
  const window = new ResentWindow(new WindowRoom(0))
  window.add(7n, 10n, at(0))
  expect(window.isResent(7n, 11n, at(0))).toBe(true)
  expect(window.isResent(7n, 11n, at(900))).toBe(true)
  expect(window.isResent(7n, 11n, at(901))).toBe(false)
  expect(window.isResent(7n, 10n, at(0))).toBe(false)
  expect(window.isResent(7n, 9n, at(0))).toBe(false)
  expect(window.isResent(7n + 2n ** 32n, 11n, at(0))).toBe(false)
  // Years later, too.
  expect(window.isResent(7n, 11n, at(10 * 365 * 86_400))).toBe(false)
})

test('a request that was not stored after all is forgotten, another one of its id is not', () => {
  const window = new ResentWindow(new WindowRoom(0))
  window.add(7n, 10n, at(0))
  window.forget(7n, 9n)
  expect(window.isResent(7n, 11n, at(0))).toBe(true)
  window.forget(7n, 10n)
  expect(window.isResent(7n, 11n, at(0))).toBe(false)
  window.add(7n, 11n, at(0))
  expect(window.isResent(7n, 12n, at(0))).toBe(true)
})

test('offsets go over 2^32', () => {
  const window = new ResentWindow(new WindowRoom(0))
  window.add(7n, 2n ** 32n - 1n, at(0))
  expect(window.isResent(7n, 2n ** 32n, at(0))).toBe(true)
  expect(window.isResent(7n, 2n ** 32n - 2n, at(0))).toBe(false)
})

test('holds so many, then the oldest go, and that is told once', () => {
  const told: number[] = []
  const window = new ResentWindow(new WindowRoom((1 << 14) - (1 << 12)), (seconds) => told.push(seconds))
  for (let i = 0; i < 20_000; i++) window.add(BigInt(i) << 20n, BigInt(i), at(Math.floor(i / 100)))
  const known = (i: number) => window.isResent(BigInt(i) << 20n, 50_000n, at(200))
  expect([known(19_999), known(20_000 - (1 << 14)), known(20_000 - (1 << 14) - 1), known(0)]).toEqual([
    true,
    true,
    false,
    false,
  ])
  expect(told).toEqual([163])
})

test('answers as a plain list of what was seen does, whatever ids share their slots', () => {
  // Few ids, all of which begin at the same few slots, so that probing and moving up are at work.
  const id = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 12 }))
  const step = fc.record({ id, seconds: fc.integer({ min: 0, max: 200 }), forget: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const window = new ResentWindow(new WindowRoom(0), undefined, (idLow) => idLow)
      const seen = new Map<bigint, { offset: bigint; receivedAt: bigint }>()
      let now = begin
      steps.forEach(({ id: [slot, other], seconds, forget }, i) => {
        now += BigInt(seconds) * second
        const requestId = (BigInt(other) << 32n) | BigInt(8190 + slot)
        const known = seen.get(requestId)
        const isResent = known !== undefined && now - known.receivedAt <= windowNanos
        expect(window.isResent(requestId, BigInt(i), now as Nanos)).toBe(isResent)
        if (forget && known) {
          window.forget(requestId, known.offset)
          seen.delete(requestId)
        } else if (!isResent) {
          window.add(requestId, BigInt(i), now as Nanos)
          seen.set(requestId, { offset: BigInt(i), receivedAt: now })
        }
      })
    }),
  )
})

test('fills and empties many times over', () => {
  const window = new ResentWindow(new WindowRoom((1 << 16) - (1 << 12)))
  let seed = 1
  const id = (i: number) => BigInt.asUintN(64, BigInt(i) * 0x9e37_79b9_7f4a_7c15n)
  for (let i = 0; i < 200_000; i++) {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff
    const now = at(Math.floor(i / 20))
    window.add(id(i), BigInt(i), now)
    const earlier = i - (seed % 40_000)
    // 20 a second: 18,000 in 15 minutes, and those of the last second.
    const age = Math.floor(i / 20) - Math.floor(earlier / 20)
    if (earlier >= 0) expect(window.isResent(id(earlier), BigInt(i + 1), now)).toBe(age <= 900)
  }
})
