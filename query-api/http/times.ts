import { AppError } from '../../base/errors.ts'
import { nowNanos } from '../../base/clock.ts'

const maxUInt64 = 18_446_744_073_709_551_615n
const hour = 3_600_000_000_000n

/** A window of span start times: [start, end), in nanoseconds since the epoch. */
export interface TimeWindow {
  readonly start: bigint
  readonly end: bigint
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+\- ])(\d\d):(\d\d))$/

/**
 * Reads a time: RFC 3339 (fractions beyond nanoseconds are cut off; a `+` that became a space on its way through a URL
 * is taken for what it was), or nanoseconds since the Unix epoch in decimal digits. Throws BAD_INPUT naming `parameter`.
 */
export function parseTime(text: string, parameter: string): bigint {
  const nanos = /^\d{1,20}$/.test(text) ? BigInt(text) : parseRfc3339(text)
  if (nanos === undefined || nanos < 0n || nanos > maxUInt64) {
    throw new AppError(
      'BAD_INPUT',
      `${parameter} is not a time: give RFC 3339 (2026-01-31T12:00:00Z) or nanoseconds since the Unix epoch`,
    )
  }
  return nanos
}

function parseRfc3339(text: string): bigint | undefined {
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const [year, month, day, hours, minutes, seconds] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  // A leap second (60) is the first instant of the next minute, as everywhere in Unix time.
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const [offsetHours, offsetMinutes] = [Number(match[10] ?? 0), Number(match[11] ?? 0)]
  if (offsetHours > 23 || offsetMinutes > 59) return undefined
  const offset = (match[9] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes) * 60
  const whole = date.getTime() / 1000 + hours * 3600 + minutes * 60 + seconds - offset
  return BigInt(whole) * 1_000_000_000n + BigInt((match[7] ?? '').slice(0, 9).padEnd(9, '0'))
}

/** The window asked for; without both ends the last hour, without one of them what makes sense of the other. */
export function parseWindow(query: { readonly start?: string; readonly end?: string }): TimeWindow {
  const end = query.end === undefined ? nowNanos() : parseTime(query.end, 'end')
  const start = query.start === undefined ? end - (end < hour ? end : hour) : parseTime(query.start, 'start')
  if (start >= end) throw new AppError('BAD_INPUT', 'start must lie before end')
  return { start, end }
}

const unitNanos: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/** Reads a length of time: `100ms`, `1.5s`, `250us`, or plain nanoseconds. Throws BAD_INPUT naming `parameter`. */
export function parseDuration(text: string, parameter: string): bigint {
  const match = /^(\d{1,20})(?:\.(\d{1,18}))?(ns|us|µs|μs|ms|s|m|h)?$/.exec(text)
  const [, whole = '', fraction = '', unit = 'ns'] = match ?? []
  const scale = BigInt(unitNanos[unit] ?? 1)
  const nanos =
    match === null
      ? undefined
      : BigInt(whole) * scale + (BigInt(`0${fraction}`) * scale) / 10n ** BigInt(fraction.length)
  if (nanos === undefined || nanos > maxUInt64) {
    throw new AppError('BAD_INPUT', `${parameter} is not a duration: give 100ms, 1.5s, 250us, or plain nanoseconds`)
  }
  return nanos
}
