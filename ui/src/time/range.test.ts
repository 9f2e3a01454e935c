import { describe, expect, test } from 'vitest'
import { parseLength, parseRange, rangeFromUrl, rangeToUrl, resolveRange, shiftRange, zoomOut } from './range.ts'

const local = (text: string): number => new Date(text).getTime()
const now = local('2026-11-24T16:30:00')
const minute = 60_000
const hour = 60 * minute

const parsed = (input: string): [number, number] | string => {
  const answer = parseRange(input, now)
  if (!answer.ok) return answer.reason
  const { from, to } = resolveRange(answer.range, now)
  return [from, to]
}

describe('a length before now', () => {
  test.each([
    ['30m', 30 * minute],
    ['2h', 2 * hour],
    ['1h30m', 90 * minute],
    ['1.5h', 90 * minute],
    ['last 15 minutes', 15 * minute],
    ['past 2 days', 48 * hour],
    ['last hour', hour],
    ['an hour', hour],
    ['90s', 90_000],
    ['1w', 7 * 24 * hour],
    ['  5 MIN ', 5 * minute],
  ])('%s', (input, ms) => {
    expect(parseRange(input, now)).toEqual({ ok: true, range: { kind: 'last', ms } })
  })
})

describe('between two moments', () => {
  test.each([
    ['yesterday 14:00 to 15:00', '2026-11-23T14:00:00', '2026-11-23T15:00:00'],
    ['Yesterday 2pm to 3:30pm', '2026-11-23T14:00:00', '2026-11-23T15:30:00'],
    ['yesterday 14:00 to 15', '2026-11-23T14:00:00', '2026-11-23T15:00:00'],
    ['14:00 to 15:00', '2026-11-24T14:00:00', '2026-11-24T15:00:00'],
    ['14:00 - 15:00', '2026-11-24T14:00:00', '2026-11-24T15:00:00'],
    ['9:30 until now', '2026-11-24T09:30:00', '2026-11-24T16:30:00'],
    ['between 9:00 and 10:00', '2026-11-24T09:00:00', '2026-11-24T10:00:00'],
    ['from 9:00 to 10:00', '2026-11-24T09:00:00', '2026-11-24T10:00:00'],
    ['2026-11-20 10:00 to 2026-11-21 11:00', '2026-11-20T10:00:00', '2026-11-21T11:00:00'],
    ['2026-11-20T10:00 to 11:00', '2026-11-20T10:00:00', '2026-11-20T11:00:00'],
    ['2026-11-20 10:00:05.5 .. 10:01', '2026-11-20T10:00:05.500', '2026-11-20T10:01:00'],
    ['3h ago to 1h ago', '2026-11-24T13:30:00', '2026-11-24T15:30:00'],
    ['now-3h to now', '2026-11-24T13:30:00', '2026-11-24T16:30:00'],
    ['since 14:00', '2026-11-24T14:00:00', '2026-11-24T16:30:00'],
    ['since yesterday', '2026-11-23T00:00:00', '2026-11-24T16:30:00'],
    ['today', '2026-11-24T00:00:00', '2026-11-24T16:30:00'],
    ['yesterday', '2026-11-23T00:00:00', '2026-11-24T00:00:00'],
    ['monday', '2026-11-23T00:00:00', '2026-11-24T00:00:00'],
    ['mon 9:00 to 10:00', '2026-11-23T09:00:00', '2026-11-23T10:00:00'],
    ['2026-11-20', '2026-11-20T00:00:00', '2026-11-21T00:00:00'],
    ['around 14:00', '2026-11-24T13:55:00', '2026-11-24T14:05:00'],
    ['2026-11-20T10:00:00Z/2026-11-20T11:00:00Z', '2026-11-20T10:00:00Z', '2026-11-20T11:00:00Z'],
    ['2026-11-20 10:00 UTC to 11:00 UTC', '2026-11-20T10:00:00Z', '2026-11-20T11:00:00Z'],
    ['2026-11-20 10:00 UTC to 11:00', '2026-11-20T10:00:00Z', '2026-11-20T11:00:00Z'],
    ['2026-11-20T10:00:00+02:00 to 2026-11-20T11:00:00+02:00', '2026-11-20T08:00:00Z', '2026-11-20T09:00:00Z'],
    ['1795000000 to 1795003600', new Date(1_795_000_000_000).toISOString(), new Date(1_795_003_600_000).toISOString()],
  ])('%s', (input, from, to) => {
    const answer = parsed(input)
    expect(typeof answer === 'string' ? answer : answer.map((ms) => new Date(ms).toISOString())).toEqual(
      [from, to].map((moment) => new Date(moment).toISOString()),
    )
  })
})

describe('what makes no sense says why', () => {
  test.each([
    ['', /Type a range/],
    ['soon', /can't read/],
    ['15:00 to 14:00', /end must be after/],
    ['25:00 to 26:00', /can't read/],
    ['2026-02-30', /can't read/],
    ['9000d', /400 days/],
    ['constructor', /can't read/],
    ['<img src=x onerror=alert(1)>', /can't read/],
  ])('%s', (input, reason) => {
    expect(parsed(input)).toMatch(reason)
  })
})

test('a length is no length', () => {
  expect(parseLength('0m')).toBeUndefined()
  expect(parseLength('5 parsecs')).toBeUndefined()
  expect(parseLength('1__proto__')).toBeUndefined()
})

test('a range comes back out of the URL as it went in', () => {
  for (const range of [
    { kind: 'last', ms: 5_400_000 },
    { kind: 'last', ms: 45_000 },
    { kind: 'between', from: now - 1234, to: now },
  ] as const) {
    expect(rangeFromUrl(rangeToUrl(range), now)).toEqual(range)
  }
  expect(rangeToUrl({ kind: 'last', ms: 5_400_000 })).toBe('1h30m')
  expect(rangeFromUrl('rubbish', now)).toEqual({ kind: 'last', ms: 3_600_000 })
})

test('zooming out doubles and never passes now', () => {
  expect(zoomOut({ kind: 'last', ms: hour }, now)).toEqual({ kind: 'last', ms: 2 * hour })
  expect(zoomOut({ kind: 'between', from: now - hour, to: now }, now)).toEqual({
    kind: 'between',
    from: now - 2 * hour,
    to: now,
  })
})

test('shifting keeps the length and never passes now', () => {
  expect(shiftRange({ kind: 'last', ms: hour }, -1, now)).toEqual({
    kind: 'between',
    from: now - 2 * hour,
    to: now - hour,
  })
  expect(shiftRange({ kind: 'between', from: now - hour, to: now }, 1, now)).toEqual({
    kind: 'between',
    from: now - hour,
    to: now,
  })
})
