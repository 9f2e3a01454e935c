const unitNanos: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  min: 60e9,
  h: 3600e9,
}

/**
 * A typed length of time as the API takes it (`100ms`, `1.5s`); a bare number means milliseconds, as most people mean it
 * here. Undefined where it is none.
 */
export function parseDuration(typed: string): { readonly text: string; readonly nanos: number } | undefined {
  const match = /^(\d{1,15}(?:[.,]\d{1,9})?)\s*(ns|us|µs|μs|ms|s|min|m|h)?$/i.exec(typed.trim())
  if (match === null) return undefined
  const amount = (match[1] ?? '').replace(',', '.')
  const unit = (match[2] ?? 'ms').toLowerCase()
  const nanos = Number(amount) * (unitNanos[unit] ?? 1)
  if (!Number.isFinite(nanos)) return undefined
  return { text: `${amount}${unit === 'min' ? 'm' : unit === 'μs' || unit === 'us' ? 'µs' : unit}`, nanos }
}
