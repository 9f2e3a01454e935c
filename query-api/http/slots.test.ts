import { expect, test } from 'vitest'
import { Slots } from './slots.ts'

const never = new AbortController().signal

test('so many at a time, the next in the order of coming', async () => {
  const slots = new Slots(2)
  const releases = [await slots.take(never), await slots.take(never)]
  const entered: number[] = []
  const waiting = [1, 2].map(async (number) => {
    const release = await slots.take(never)
    entered.push(number)
    return release
  })
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(entered).toEqual([])
  releases[0]?.()
  // Twice is once: the second place is still held.
  releases[0]?.()
  const first = await waiting[0]
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(entered).toEqual([1])
  first?.()
  await waiting[1]
  expect(entered).toEqual([1, 2])
})

test('who waits too long is told to come again; who goes away leaves the queue', async () => {
  const slots = new Slots(1, 20)
  const release = await slots.take(never)
  await expect(slots.take(never)).rejects.toMatchObject({ code: 'OVERLOADED' })
  const controller = new AbortController()
  const gone = expect(slots.take(controller.signal)).rejects.toThrow('gone')
  const next = slots.take(never)
  controller.abort(new Error('gone'))
  await gone
  release()
  expect(await next).toBeTypeOf('function')
})
