import { describe, expect, test } from 'vitest'
import { count, digits, duration, grouped, rate, roundDuration, share, text } from './format.ts'

describe('a duration has three digits and the unit that fits', () => {
  test.each([
    ['0', '0 ns'],
    ['1', '1 ns'],
    ['999', '999 ns'],
    ['1000', '1.00 µs'],
    ['1234', '1.23 µs'],
    ['12345', '12.3 µs'],
    ['999499', '999 µs'],
    ['999500', '1.00 ms'],
    ['1000000', '1.00 ms'],
    ['123456789', '123 ms'],
    ['999999999', '1.00 s'],
    ['1500000000', '1.50 s'],
    ['59940000000', '59.9 s'],
    ['60000000000', '1 min'],
    ['83000000000', '1 min 23 s'],
    ['3599900000000', '1 h'],
    ['4320000000000', '1 h 12 min'],
    ['86400000000000', '1 d'],
    ['9223372036854775807', '106,752 d'],
    ['-1234', '−1.23 µs'],
  ])('%s ns is %s', (nanos, shown) => {
    expect(text(duration(nanos))).toBe(shown)
  })
  test('the exact value keeps every digit', () => {
    expect(duration('9223372036854775807').exact).toBe('9,223,372,036,854,775,807 ns')
  })
  test('what is no number is a dash', () => {
    expect(text(duration(Number.NaN))).toBe('–')
  })
})

test.each([
  [0, '0'],
  [12300, '12,300'],
  [99999, '99,999'],
  [100000, '100 k'],
  [1234567, '1.23 M'],
  [999_499_999, '999 M'],
  [999_500_000, '1.00 G'],
  [4.2e13, '42.0 T'],
])('a count of %d is %s', (n, shown) => {
  expect(text(count(n))).toBe(shown)
})

test.each([
  [0, '0 /s'],
  [0.000001, '0.0864 /d'],
  [0.0001, '8.64 /d'],
  [0.001, '3.60 /h'],
  [0.02, '1.20 /min'],
  [0.5, '30.0 /min'],
  [0.996, '59.8 /min'],
  [0.9996, '1.00 /s'],
  [1, '1.00 /s'],
  [12.345, '12.3 /s'],
  [99_999, '99,999 /s'],
  [1_230_000, '1.23 M/s'],
])('%d per second is %s', (perSecond, shown) => {
  expect(text(rate(perSecond))).toBe(shown)
})

test.each([
  [0, 10, '0 %'],
  [1, 1_000_000, '<0.01 %'],
  [1, 3, '33.3 %'],
  [999_999, 1_000_000, '>99.9 %'],
  [10, 10, '100 %'],
  [0, 0, '–'],
])('%d of %d is %s', (part, whole, shown) => {
  expect(text(share(part, whole))).toBe(shown)
})

test.each([
  [1, '1.00'],
  [1.005, '1.00'],
  [1.234, '1.23'],
  [9.996, '10.0'],
  [12.34, '12.3'],
  [99.96, '100'],
  [0.0123456, '0.0123'],
  [-1.5, '-1.50'],
])('%d in three digits is %s', (value, shown) => {
  expect(digits(value)).toBe(shown)
})

test.each([
  [1e9, '1 s'],
  [1.5e9, '1.5 s'],
  [1e11, '100 s'],
  [1e13, '10,000 s'],
  [10e6, '10 ms'],
  [100e6, '100 ms'],
])('%d ns on an axis is %s', (nanos, shown) => {
  expect(roundDuration(nanos)).toBe(shown)
})

test('grouping keeps long whole numbers exact', () => {
  expect(grouped('18446744073709551615')).toBe('18,446,744,073,709,551,615')
  expect(grouped(1234.5)).toBe('1,234.5')
})
