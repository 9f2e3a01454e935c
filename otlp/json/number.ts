import { refuse } from '../wire.ts'
import { char, numberEnd } from './cursor.ts'

/** The last integer parsed: its 64 bits, two's complement when negative, as unsigned halves. */
export const integer = { lo: 0, hi: 0, negative: false }

const two16 = 0x1_0000
const two32 = 0x1_0000_0000

/**
 * Parses [start, stop) as a JSON number that is an integer (`12`, `-0`, `1.2e1`), to the last digit, into `integer`.
 * `signed`: from -2^63 to 2^63-1, else from 0 to 2^64-1. `name` and `at` (an offset of the body) are for the refusal.
 */
export function parseInteger(
  bytes: Uint8Array,
  start: number,
  stop: number,
  signed: boolean,
  name: string,
  at: number,
): void {
  if (start === stop || numberEnd(bytes, start, stop) !== stop) refuse(`${name}: an integer is expected`, at)
  const negative = bytes[start] === char.minus
  let p = negative ? start + 1 : start
  let digits = 0
  while (p < stop && bytes[p]! >= char.zero && bytes[p]! <= char.nine) {
    p++
    digits++
  }
  if (p === stop) magnitude(bytes, stop - digits, stop)
  else {
    const plain = withoutExponent(bytes, negative ? start + 1 : start, stop)
    if (plain === undefined) refuse(`${name}: an integer is expected`, at)
    magnitude(plain, 0, plain.length)
  }
  const { lo, hi } = integer
  const zero = lo === 0 && hi === 0
  const fits = signed
    ? hi < 0x8000_0000 || (negative && hi === 0x8000_0000 && lo === 0)
    : hi < two32 && (zero || !negative)
  if (!fits) refuse(`${name}: integer out of range`, at)
  integer.negative = negative && !zero
  if (integer.negative) {
    integer.lo = -lo >>> 0
    integer.hi = (~hi + (lo === 0 ? 1 : 0)) >>> 0
  }
}

// Decimal digits to 64 bits, without BigInt: at most 11 digits times 10^9, and 9 more. Too large: `hi` of 2^32 or more.
function magnitude(bytes: Uint8Array, start: number, stop: number): void {
  while (start < stop && bytes[start] === char.zero) start++
  if (stop - start > 20) {
    integer.hi = two32
    return
  }
  const split = Math.max(start, stop - 9)
  let upper = 0
  let lower = 0
  for (let p = start; p < split; p++) upper = upper * 10 + (bytes[p]! - char.zero)
  for (let p = split; p < stop; p++) lower = lower * 10 + (bytes[p]! - char.zero)
  // upper * 10^9 + lower, in parts of which each product stays below 2^53; quotients by powers of two are exact, and
  // quicker than remainders of doubles.
  const upperHigh = Math.floor(upper / two16)
  const upperLow = upper - upperHigh * two16
  const middle = upperHigh * 1e9
  const middleHigh = Math.floor(middle / two16)
  const low = (middle - middleHigh * two16) * two16 + upperLow * 1e9 + lower
  const carry = Math.floor(low / two32)
  integer.lo = low - carry * two32
  integer.hi = middleHigh + carry
}

/** The digits of a number with a fraction or exponent; undefined when it is not an integer. Zero exponents are rare: text. */
function withoutExponent(bytes: Uint8Array, start: number, stop: number): Uint8Array | undefined {
  const [, whole = '', fraction = '', exponent = '0'] =
    /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(textOf(bytes, start, stop)) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return zeroDigit
  const zeros = Number(exponent) - fraction.length
  // More than 20 digits do not fit whatever they are, and an exponent can be any number.
  if (zeros >= 0) return encoder.encode(digits + '0'.repeat(Math.min(zeros, 21)))
  const kept = digits.length + zeros
  if (kept <= 0 || /[^0]/.test(digits.slice(kept))) return undefined
  return encoder.encode(digits.slice(0, kept))
}

const encoder = new TextEncoder()
const zeroDigit = encoder.encode('0')

function textOf(bytes: Uint8Array, start: number, stop: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start).toString('latin1')
}

/** Parses [start, stop), which is a JSON number, as JSON.parse does: too large ones become infinities. */
export function parseDouble(bytes: Uint8Array, start: number, stop: number): number {
  return Number(textOf(bytes, start, stop))
}

/** Parses the text of a double that is written as a string: a JSON number or NaN, Infinity, -Infinity; else undefined. */
export function parseDoubleText(bytes: Uint8Array, start: number, stop: number): number | undefined {
  if (start < stop && numberEnd(bytes, start, stop) === stop) return parseDouble(bytes, start, stop)
  switch (stop - start < 10 ? textOf(bytes, start, stop) : '') {
    case 'NaN':
      return NaN
    case 'Infinity':
      return Infinity
    case '-Infinity':
      return -Infinity
    default:
      return undefined
  }
}
