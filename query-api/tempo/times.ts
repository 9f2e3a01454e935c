import { nowNanos } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { parseDuration, parseTime, type TimeWindow } from '../http/times.ts'

const second = 1_000_000_000n
const hour = 3600n * second

/** Reads a time as Tempo takes it: seconds since the Unix epoch (fractions too), nanoseconds, or RFC 3339. */
function parseTempoTime(text: string, parameter: string): bigint {
  const [, whole, fraction = ''] = /^(\d{1,11})(?:\.(\d{1,9})\d*)?$/.exec(text) ?? []
  if (whole === undefined) return parseTime(text, parameter)
  return BigInt(whole) * second + BigInt(fraction.padEnd(9, '0'))
}

/** The window asked for, without any the last hour; `since` is its length up to now. Throws BAD_INPUT. */
export function parseTempoWindow(asked: {
  readonly start?: string
  readonly end?: string
  readonly since?: string
}): TimeWindow {
  const end = asked.end === undefined || asked.end === '0' ? nowNanos() : parseTempoTime(asked.end, 'end')
  const length = asked.since === undefined ? hour : parseDuration(asked.since, 'since')
  const start =
    asked.start === undefined || asked.start === '0'
      ? end - (end < length ? end : length)
      : parseTempoTime(asked.start, 'start')
  if (start >= end) throw new AppError('BAD_INPUT', 'start must lie before end')
  return { start, end }
}

/** A step: a duration, or plain seconds. Throws BAD_INPUT. */
export function parseStep(text: string): bigint {
  return /^\d+(\.\d+)?$/.test(text) ? parseDuration(`${text}s`, 'step') : parseDuration(text, 'step')
}
