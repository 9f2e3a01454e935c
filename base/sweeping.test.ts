import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { silentLog } from './log.ts'
import { createSweeping } from './sweeping.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = new AbortController().signal

/** The milliseconds from the start at which it is done, while `isWell` says how each goes. */
async function timesOf(isWell: (time: number) => boolean, untilMs: number) {
  const times: number[] = []
  const begin = Date.now()
  const sweeping = createSweeping({
    sweep() {
      times.push(Date.now() - begin)
      return isWell(times.length) ? Promise.resolve() : Promise.reject(new Error('the store is away'))
    },
    everyMs: 30_000,
    withinMs: 10_000,
    failed: 'could not be swept',
    log: silentLog,
  })
  await sweeping.open(never)
  await vi.advanceTimersByTimeAsync(untilMs)
  return { times, sweeping }
}

test('what goes well is done again at its times', async () => {
  const { times, sweeping } = await timesOf(() => true, 65_000)
  expect(times).toEqual([0, 30_000, 60_000])
  expect(sweeping.health()).toEqual({ ok: true })
  await sweeping.close(never)
})

test('what failed is done again soon, later each time, and its health is good as soon as it went well', async () => {
  const { times, sweeping } = await timesOf((time) => time === 4, 5_000)
  expect(times).toEqual([0, 1_000, 3_000])
  expect(sweeping.health()).toEqual({ ok: false, reason: 'the store is away' })
  await vi.advanceTimersByTimeAsync(2_000)
  expect(times).toEqual([0, 1_000, 3_000, 7_000])
  expect(sweeping.health()).toEqual({ ok: true })
  await vi.advanceTimersByTimeAsync(31_000)
  expect(times.slice(4)).toEqual([37_000, 38_000])
  await sweeping.close(never)
})

test('closed, it is done no more', async () => {
  const { times, sweeping } = await timesOf(() => false, 0)
  await sweeping.close(never)
  await vi.advanceTimersByTimeAsync(100_000)
  expect(times).toEqual([0])
})
