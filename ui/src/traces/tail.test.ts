import { expect, test } from 'vitest'
import { firstTail, nextTail } from './tail.ts'

const keyOf = (item: string): string => item.split(' ')[0] ?? ''
const begun = firstTail(['b 1', 'a 1'])

test('what is new comes on top and is known as new until the next answer', () => {
  const next = nextTail(begun, ['d', 'c', 'b 2', 'a 1'], keyOf, false)
  expect(next).toEqual({ shown: ['d', 'c', 'b 2', 'a 1'], fresh: new Set(['d', 'c']), waiting: 0 })
  expect(nextTail(next, ['d', 'c', 'b 2'], keyOf, false).fresh).toEqual(new Set())
})

test('held, no row comes, goes or moves; they are brought up to date, and new ones are counted', () => {
  const held = nextTail(begun, ['d', 'c', 'b 2'], keyOf, true)
  expect(held).toEqual({ shown: ['b 2', 'a 1'], fresh: new Set(), waiting: 2 })
  expect(nextTail(held, ['e', 'd', 'c'], keyOf, true)).toMatchObject({ shown: ['b 2', 'a 1'], waiting: 3 })
  expect(nextTail(held, ['e', 'd', 'c'], keyOf, false)).toEqual({
    shown: ['e', 'd', 'c'],
    fresh: new Set(['e', 'd', 'c']),
    waiting: 0,
  })
})
