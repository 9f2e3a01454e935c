import { duration, text } from '../numbers/format.ts'

export interface Tick {
  /** Nanoseconds after the trace's start. */
  readonly at: number
  readonly label: string
}

/** Round steps (1, 2, 5 by powers of ten) over [from, to], at most `most` of them. */
export function ticks(from: number, to: number, most: number): readonly Tick[] {
  const length = to - from
  if (!(length > 0) || most < 1) return []
  const rough = length / most
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? power * 10
  const out: Tick[] = []
  for (let n = Math.ceil(from / step - 1e-9); n * step <= to + step * 1e-9; n++) {
    out.push({ at: n * step, label: n === 0 ? '0' : label(n * step, step) })
  }
  return out
}

// Enough digits that neighbours differ: 1.2345 s beside 1.2346 s when zoomed in far.
function label(at: number, step: number): string {
  const shown = duration(Math.round(at))
  if (shown.unit === 's' && at >= 60e9 && step < 1e9) return `${(at / 1e9).toFixed(decimals(step / 1e9))} s`
  const size = { ns: 1, µs: 1e3, ms: 1e6, s: 1e9 }[shown.unit]
  if (size === undefined || at >= 60e9) return text(shown)
  return `${(at / size).toFixed(Math.min(6, decimals(step / size)))} ${shown.unit}`
}

const decimals = (step: number): number => Math.max(0, -Math.floor(Math.log10(step) + 1e-9))
