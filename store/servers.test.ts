import { expect, test } from 'vitest'
import { chooseAmong } from './servers.ts'

const three = () => {
  let now = 0
  const servers = chooseAmong(['a', 'b', 'c'], () => now)
  return { servers, pass: (ms: number) => void (now += ms) }
}

test('the first is asked while it serves', () => {
  const { servers } = three()
  servers.worked('a')
  expect([servers.current(), servers.current()]).toEqual(['a', 'a'])
})

test('one that fails is put aside; whoever took its place keeps it', () => {
  const { servers, pass } = three()
  servers.failed('a')
  expect(servers.current()).toBe('b')
  pass(60_000)
  expect(servers.current()).toBe('b')
  servers.failed('b')
  expect(servers.current()).toBe('c')
})

test('it is put aside for longer each time, until it serves again', () => {
  const { servers, pass } = three()
  const asideFor = () => {
    servers.failed('a')
    servers.failed('b')
    servers.failed('c')
    // All are aside: the first to come back is asked.
    let ms = 0
    for (; servers.current() !== 'a' || ms === 0; ms += 500) pass(500)
    return ms
  }
  expect(servers.current()).toBe('a')
  for (const _ of [1, 2, 3]) asideFor()
  servers.failed('b')
  servers.failed('c')
  servers.failed('a')
  servers.worked('b')
  expect(servers.current()).toBe('b')
})

test('calls that fail together count once', () => {
  const { servers, pass } = three()
  for (let i = 0; i < 10; i++) servers.failed('a')
  servers.failed('b')
  pass(1_000)
  servers.failed('c')
  expect(servers.current()).toBe('a')
})

test('a single server is always asked', () => {
  const servers = chooseAmong(['only'], () => 0)
  servers.failed('only')
  expect(servers.current()).toBe('only')
})
