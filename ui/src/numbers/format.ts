/** A number as it is shown: three significant digits and a unit chosen for its size. `exact` is for hover and copy. */
export interface Shown {
  readonly value: string
  readonly unit: string
  readonly exact: string
}

/** Nanoseconds as they come from the API: text, because they may pass 2^53. */
export type NanosText = string | number | bigint

const durationUnits = [
  ['ns', 1],
  ['µs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
] as const

/** A length of time, from nanoseconds to days. */
export function duration(nanos: NanosText): Shown {
  const exact = `${grouped(nanos)} ns`
  const ns = Number(nanos)
  if (!Number.isFinite(ns)) return { value: '–', unit: '', exact: '' }
  if (ns < 0) {
    const positive = duration(-ns)
    return { value: `−${positive.value}`, unit: positive.unit, exact }
  }
  if (ns >= 59.95e9) return { ...long(ns / 1e9), exact }
  let at = 0
  // 999.5 µs would round up to "1,000 µs": take the next unit as soon as three digits no longer hold it.
  while (at < durationUnits.length - 1 && ns / (durationUnits[at]?.[1] ?? 1) >= 999.5) at++
  const [unit, size] = durationUnits[at] ?? durationUnits[0]
  // Of a nanosecond there are no parts.
  return { value: ns === 0 ? '0' : unit === 'ns' ? String(Math.round(ns)) : digits(ns / size), unit, exact }
}

/** A round length of time, as an axis says it: `5 ms`, not `5.00 ms`; `100 s`, not `1 min 40 s`. */
export function roundDuration(nanos: number): string {
  if (nanos >= 60e9) return `${grouped(Math.round(nanos / 1e9))} s`
  const { value, unit } = duration(nanos)
  return text({ value: value.includes('.') ? value.replace(/\.?0+$/, '') : value, unit, exact: '' })
}

function long(seconds: number): { value: string; unit: string } {
  if (seconds < 3600) {
    const whole = Math.round(seconds)
    if (whole < 3600)
      return { value: two(Math.floor(whole / 60), 'min', whole % 60), unit: whole % 60 === 0 ? 'min' : 's' }
  }
  const minutes = Math.round(seconds / 60)
  if (minutes < 24 * 60) {
    return { value: two(Math.floor(minutes / 60), 'h', minutes % 60), unit: minutes % 60 === 0 ? 'h' : 'min' }
  }
  const hours = Math.round(seconds / 3600)
  return { value: two(Math.floor(hours / 24), 'd', hours % 24), unit: hours % 24 === 0 ? 'd' : 'h' }
}

const two = (major: number, unit: string, minor: number): string =>
  minor === 0 ? grouped(major) : `${grouped(major)} ${unit} ${minor}`

/** Value and unit in one text. */
export const text = (shown: Shown): string => (shown.unit === '' ? shown.value : `${shown.value} ${shown.unit}`)

/** How many: exact and grouped up to 99,999, then three digits of k, M, G. */
export function count(n: NanosText): Shown {
  const exact = grouped(n)
  const value = Number(n)
  if (Math.abs(value) < 100_000) return { value: exact, unit: '', exact }
  for (const [unit, size] of [
    ['k', 1e3],
    ['M', 1e6],
    ['G', 1e9],
  ] as const) {
    if (Math.abs(value) < size * 999.5) return { value: digits(value / size), unit, exact }
  }
  return { value: digits(value / 1e12), unit: 'T', exact }
}

/** Per second, or per minute, hour or day where that reads better: a rate says per what. */
export function rate(perSecond: number): Shown {
  const exact = `${perSecond} per second`
  if (perSecond === 0) return { value: '0', unit: '/s', exact }
  if (perSecond >= 0.9995) {
    if (perSecond < 100_000) return { value: digits(perSecond), unit: '/s', exact }
    const many = count(Math.round(perSecond))
    return { value: many.value, unit: `${many.unit}/s`, exact }
  }
  if (perSecond * 60 >= 0.9995) return { value: digits(perSecond * 60), unit: '/min', exact }
  if (perSecond * 3600 >= 0.9995) return { value: digits(perSecond * 3600), unit: '/h', exact }
  return { value: digits(perSecond * 86_400), unit: '/d', exact }
}

/** A part of a whole. Never shows 0 % for what is not none, nor 100 % for what is not all. */
export function share(part: number, whole: number): Shown {
  if (whole === 0) return { value: '–', unit: '', exact: 'none of none' }
  const exact = `${grouped(part)} of ${grouped(whole)}`
  const percent = (part / whole) * 100
  if (part === 0) return { value: '0', unit: '%', exact }
  if (part === whole) return { value: '100', unit: '%', exact }
  if (percent < 0.01) return { value: '<0.01', unit: '%', exact }
  if (percent > 99.9) return { value: '>99.9', unit: '%', exact }
  return { value: digits(percent), unit: '%', exact }
}

/** Three significant digits, grouped; zeros too, so that the digits of a column stand below each other. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (value === 0) return '0'
  const abs = Math.abs(value)
  if (abs >= 999.5) return grouped(Math.round(value))
  return abs < 1e-6 ? value.toFixed(12) : value.toPrecision(3)
}

/** Digits in groups of three; whole numbers of any length stay exact. */
export function grouped(n: NanosText): string {
  if (typeof n === 'number' && !Number.isInteger(n)) {
    return n.toLocaleString('en-US', { maximumFractionDigits: 6 })
  }
  const raw = String(typeof n === 'number' ? BigInt(n) : n)
  return raw.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}
