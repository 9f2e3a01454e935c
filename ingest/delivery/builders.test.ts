import { expect, test } from 'vitest'
import { BuilderPool } from './builders.ts'
import { createFakeBuilder } from './fakes/builder.ts'

const never = new AbortController().signal

test('no more builders are made than may be, and who waits is served in order', async () => {
  let made = 0
  const pool = new BuilderPool(() => {
    made++
    return createFakeBuilder()
  }, 3)
  const leased = await Promise.all([pool.lease(never), pool.lease(never), pool.lease(never)])
  const served: number[] = []
  const waiting = [1, 2].map((number) =>
    pool.lease(never).then((builder) => {
      served.push(number)
      return builder
    }),
  )
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(served).toEqual([])
  for (const builder of leased) pool.giveBack(builder)
  const again = await Promise.all(waiting)
  expect(served).toEqual([1, 2])
  expect(leased).toContain(again[0])
  expect(await pool.lease(never)).toBe(leased[2])
  expect(made).toBe(3)
})

test('who gives up waiting takes none', async () => {
  const pool = new BuilderPool(createFakeBuilder, 2)
  const [first] = await Promise.all([pool.lease(never), pool.lease(never)])
  const controller = new AbortController()
  const given = expect(pool.lease(controller.signal)).rejects.toThrow('enough')
  const next = pool.lease(never)
  controller.abort(new Error('enough'))
  await given
  pool.giveBack(first)
  expect(await next).toBe(first)
  await expect(pool.lease(controller.signal)).rejects.toThrow('enough')
})
