const two = (n: number): string => String(n).padStart(2, '0')
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `14:05:09` in local time. */
export function clock(ms: number): string {
  const date = new Date(ms)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** What a clock leaves out of a second: `.042`. */
export const fraction = (ms: number, decimals: 1 | 2 | 3 = 3): string =>
  `.${String(Math.floor(ms) % 1000)
    .padStart(3, '0')
    .slice(0, decimals)}`

/** `14:05`, and the seconds where they are not 0. */
export function shortClock(ms: number): string {
  const date = new Date(ms)
  return date.getSeconds() === 0 ? `${two(date.getHours())}:${two(date.getMinutes())}` : clock(ms)
}

/** `24 Nov`, with the year where it is not this one. */
export function dayName(ms: number, now: number): string {
  const date = new Date(ms)
  const year = date.getFullYear() === new Date(now).getFullYear() ? '' : ` ${date.getFullYear()}`
  return `${date.getDate()} ${months[date.getMonth()] ?? ''}${year}`
}

export const sameDay = (a: number, b: number): boolean => new Date(a).toDateString() === new Date(b).toDateString()

/** Local time with as much of the date as is needed; `now` in Unix milliseconds. */
export function moment(ms: number, now: number): string {
  return sameDay(ms, now) ? clock(ms) : `${dayName(ms, now)} ${clock(ms)}`
}

/** For hover: the moment in UTC, to the millisecond. */
export const utc = (ms: number): string => `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')} UTC`

/** For hover: a moment in UTC to the nanosecond. */
export function utcNanos(nanos: string): string {
  const n = BigInt(nanos)
  const seconds = Number(n / 1_000_000_000n)
  const date = new Date(seconds * 1000)
  if (Number.isNaN(date.getTime())) return `${nanos} ns since 1970`
  return `${date.toISOString().slice(0, 19).replace('T', ' ')}.${String(n % 1_000_000_000n).padStart(9, '0')} UTC`
}

/** Unix milliseconds of a time in nanoseconds, for showing and plotting. */
export const toMs = (nanos: string): number => Number(nanos) / 1e6

/** The local zone's name and offset: `Europe/Berlin, UTC+1`. */
export function zone(ms: number): string {
  const minutes = -new Date(ms).getTimezoneOffset()
  const sign = minutes < 0 ? '−' : '+'
  const abs = Math.abs(minutes)
  const offset = minutes === 0 ? 'UTC' : `UTC${sign}${Math.floor(abs / 60)}${abs % 60 === 0 ? '' : `:${two(abs % 60)}`}`
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone
  return name === 'UTC' || name === '' ? offset : `${name}, ${offset}`
}

/** `3 min ago`, coarse on purpose. */
export function ago(ms: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - ms) / 1000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  return `${Math.floor(seconds / 86_400)} d ago`
}
