import { createTraceState, type TraceState } from '@opentelemetry/api'

// Consistent probability sampling (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/): 56
// random bits of the trace id are held against a threshold, so all who see the trace decide alike, and `ot=th:…` tells
// with what probability it was kept. Numbers of 56 bits go as pairs of 28.
const half = 2 ** 28

/** A threshold: traces whose randomness is below it are not kept. 0 keeps all; one of 2^56 keeps none. */
export interface Threshold {
  readonly high: number
  readonly low: number
  /** As `th` has it: hexadecimal without trailing zeros. */
  readonly text: string
}

/** The threshold of a probability from 0 to 1. As text it has some four digits: more tell nothing. */
export function thresholdOf(probability: number): Threshold {
  if (probability >= 1) return { high: 0, low: 0, text: '0' }
  if (probability <= 0) return { high: half, low: 0, text: '' }
  const high = Math.floor((1 - probability) * half)
  // As many digits as a small probability needs to be told from none.
  const digits = Math.min(7, Math.max(4, Math.ceil(-Math.log2(probability) / 4) + 3))
  const text = high.toString(16).padStart(7, '0').slice(0, digits).replace(/0+$/, '')
  if (text === '') return { high: 0, low: 0, text: '0' }
  return { high: Number.parseInt(text.padEnd(7, '0'), 16), low: 0, text }
}

/** Whether a trace is kept: its randomness are the last 14 digits of its id, or `rv` where its beginner gave one. */
export function isKept(traceId: string, state: TraceState | undefined, threshold: Threshold): boolean {
  const given = /(?:^|;)rv:([0-9a-f]{14})(?:;|$)/.exec(state?.get('ot') ?? '')?.[1]
  const digits = given ?? traceId.slice(-14)
  const high = Number.parseInt(digits.slice(0, 7), 16)
  return high > threshold.high || (high === threshold.high && Number.parseInt(digits.slice(7), 16) >= threshold.low)
}

/** The trace state with `th` in its `ot` member, or without one. */
export function withThreshold(state: TraceState | undefined, th: string | undefined): TraceState | undefined {
  const others = (state?.get('ot') ?? '').split(';').filter((member) => member !== '' && !member.startsWith('th:'))
  const members = th === undefined ? others : [`th:${th}`, ...others]
  if (members.length === 0) return state?.unset('ot')
  return (state ?? createTraceState()).set('ot', members.join(';'))
}
