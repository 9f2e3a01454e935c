import { expect, test } from 'vitest'
import type { AttributeKey } from '../../../../query-api/types.ts'
import type { FieldValue } from '../../api/questions.ts'
import { type Completable, completable } from './place.ts'
import { suggest, type Known } from './suggest.ts'

const keys: readonly AttributeKey[] = [
  { key: 'http.route', level: 'span', count: 500 },
  { key: 'service.name', level: 'resource', count: 3 },
  { key: 'odd key "x"', level: 'span', count: 1 },
  { key: 'tenant', level: 'span', count: 2 },
  { key: 'tenant', level: 'resource', count: 1 },
]
const values: readonly FieldValue[] = [
  { type: 'string', value: 'say "hi"\n' },
  { type: 'int', value: '500' },
  { type: 'bool', value: 'true' },
]
const asked: string[] = []
const known: Known = {
  keys: () => Promise.resolve(keys),
  values(field) {
    asked.push(field)
    return Promise.resolve(values)
  },
}
const away: Known = { keys: () => Promise.reject(new Error('away')), values: () => Promise.reject(new Error('away')) }

const textsAt = async (marked: string, of = known) => {
  const cursor = marked.indexOf('‸')
  const text = marked.replace('‸', '')
  const place = completable(text, cursor) as Completable
  return (await suggest(place, text.slice(place.from, cursor), of)).map((one) => one.text)
}

test('names are those of the window beside the intrinsics, with their scope', async () => {
  const texts = await textsAt('{ ‸ }')
  expect(texts).toEqual(expect.arrayContaining(['name', 'span.http.route', 'resource.service.name', 'span.tenant']))
  expect(texts).toContain('span."odd key \\"x\\""')
})

test('who begins without a scope gets keys without one, each once', async () => {
  const texts = await textsAt('{ .te‸')
  expect(texts.filter((text) => text === '.tenant')).toEqual(['.tenant'])
  expect(await textsAt('{ parent.sp‸')).toContain('parent.span.http.route')
})

test('values are written as the language writes their type', async () => {
  expect(await textsAt('{ span.http.route = ‸')).toEqual(['"say \\"hi\\"\\n"', '500', 'true'])
  expect(asked).toEqual(['span.http.route'])
})

test('a status is one of three, whatever the store holds', async () => {
  expect(await textsAt('{ status = ‸', away)).toEqual(['error', 'ok', 'unset'])
  expect(await textsAt('{ span:kind = ‸', away)).toContain('server')
})

test('a store that is away takes its own names only', async () => {
  expect(await textsAt('{ ‸', away)).toContain('name')
  expect(await textsAt('{ .x = ‸', away)).toEqual([])
})
