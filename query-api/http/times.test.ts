import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../base/errors.ts'
import { parseDuration, parseTime, parseWindow } from './times.ts'

describe('a time', () => {
  test.each([
    ['0', 0n],
    ['1700000000123456789', 1_700_000_000_123_456_789n],
    ['18446744073709551615', 18_446_744_073_709_551_615n],
    ['1970-01-01T00:00:00Z', 0n],
    ['2023-11-14T22:13:20.123456789Z', 1_700_000_000_123_456_789n],
    ['2023-11-14T22:13:20.1234567899Z', 1_700_000_000_123_456_789n],
    ['2023-11-14t22:13:20z', 1_700_000_000_000_000_000n],
    ['2023-11-15T00:13:20+02:00', 1_700_000_000_000_000_000n],
    ['2023-11-15T00:13:20 02:00', 1_700_000_000_000_000_000n],
    ['2023-11-14T17:43:20.5-04:30', 1_700_000_000_500_000_000n],
    ['2016-12-31T23:59:60Z', 1_483_228_800_000_000_000n],
    ['2024-02-29T00:00:00Z', 1_709_164_800_000_000_000n],
  ])('%s', (text, nanos) => expect(parseTime(text, 'start')).toBe(nanos))

  test.each([
    '',
    'now',
    '-1',
    '1.5',
    '1e9',
    '18446744073709551616',
    '2023-11-14',
    '2023-11-14T22:13:20',
    '2023-02-29T00:00:00Z',
    '2023-13-01T00:00:00Z',
    '2023-11-14T24:00:00Z',
    '1969-12-31T23:59:59Z',
    "2023-11-14T22:13:20Z'",
  ])('%s is refused by name', (text) => {
    expect(() => parseTime(text, 'start')).toThrow(/^start is not a time/)
    expect(() => parseTime(text, 'start')).toThrow(AppError)
  })

  test('is what Date says, for every millisecond', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('2500-01-01'), noInvalidDate: true }), (date) => {
        expect(parseTime(date.toISOString(), 'start')).toBe(BigInt(date.getTime()) * 1_000_000n)
      }),
    )
  })
})

describe('a window', () => {
  test('is the last hour without ends', () => {
    const { start, end } = parseWindow({})
    expect(end - start).toBe(3_600_000_000_000n)
  })
  test('is the hour before its end', () => expect(parseWindow({ end: '3600000000001' }).start).toBe(1n))
  test('does not begin before 1970', () => expect(parseWindow({ end: '5' })).toEqual({ start: 0n, end: 5n }))
  test('may be of ten years', () =>
    expect(parseWindow({ start: '2016-01-01T00:00:00Z', end: '2026-01-01T00:00:00Z' }).start).toBeGreaterThan(0n))
  test.each([
    ['5', '5'],
    ['6', '5'],
  ])('[%s, %s) is refused', (start, end) => expect(() => parseWindow({ start, end })).toThrow(/before end/))
})

describe('a duration', () => {
  test.each([
    ['0', 0n],
    ['15', 15n],
    ['15ns', 15n],
    ['250us', 250_000n],
    ['250µs', 250_000n],
    ['100ms', 100_000_000n],
    ['1.5s', 1_500_000_000n],
    ['0.0015ms', 1_500n],
    ['2m', 120_000_000_000n],
    ['1h', 3_600_000_000_000n],
    ['18446744073709551615', 18_446_744_073_709_551_615n],
  ])('%s', (text, nanos) => expect(parseDuration(text, 'minDuration')).toBe(nanos))
  test.each(['', '-1', '1 s', 's', '1d', '1e3', '.5s', '18446744073709551616', '99999999999h', '1s;'])(
    '%s is refused by name',
    (text) => expect(() => parseDuration(text, 'minDuration')).toThrow(/^minDuration is not a duration/),
  )
})
