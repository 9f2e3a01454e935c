/** A range of time as the URL holds it: the last so many milliseconds, or between two moments (Unix milliseconds). */
export type TimeRange =
  | { readonly kind: 'last'; readonly ms: number }
  | { readonly kind: 'between'; readonly from: number; readonly to: number }

export interface Resolved {
  readonly from: number
  readonly to: number
}

export type Parsed = { readonly ok: true; readonly range: TimeRange } | { readonly ok: false; readonly reason: string }

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

export const defaultRange: TimeRange = { kind: 'last', ms: hour }
/** What nobody means: a typed or pasted range longer than this is refused. */
export const longest = 400 * day

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: second,
  sec: second,
  secs: second,
  second: second,
  seconds: second,
  m: minute,
  min: minute,
  mins: minute,
  minute: minute,
  minutes: minute,
  h: hour,
  hr: hour,
  hrs: hour,
  hour: hour,
  hours: hour,
  d: day,
  day: day,
  days: day,
  w: 7 * day,
  week: 7 * day,
  weeks: 7 * day,
}

/** `1h30m`, `90 s`, `2 days`, `an hour`; undefined where it is not a length of time. */
export function parseLength(input: string): number | undefined {
  const spoken = input
    .trim()
    .toLowerCase()
    .replace(/^an?\s+/, '1 ')
  const bare = /^[a-z]+$/.test(spoken) ? `1${spoken}` : spoken
  if (!/^(\d+(\.\d+)?\s*[a-z]+\s*)+$/.test(bare)) return undefined
  let total = 0
  for (const [, amount, unit] of bare.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const size = Object.hasOwn(units, unit ?? '') ? units[unit ?? ''] : undefined
    if (size === undefined) return undefined
    total += Number(amount) * size
  }
  return total > 0 && Number.isFinite(total) ? Math.round(total) : undefined
}

/** Parses what a person types into the time picker, in the local time zone unless it says UTC. `now`: Unix milliseconds. */
export function parseRange(input: string, now: number): Parsed {
  const typed = input.trim()
  if (typed === '') return no('Type a range, such as 30m or yesterday 14:00 to 15:00.')
  const length = parseLength(typed.replace(/^(the\s+)?(last|past)\s+/i, ''))
  if (length !== undefined) return last(length)

  const lower = typed.toLowerCase()
  if (lower === 'today') return between(startOfDay(now), now)
  const whole = wholeDay(typed, now)
  if (whole !== undefined) return between(whole.from, Math.min(whole.to, Math.max(now, whole.from + minute)))
  const since = /^(since|from)\s+(.+)$/i.exec(typed)
  const sinceRest = since?.[2]
  if (sinceRest !== undefined && !/\s(to|until)\s/i.test(sinceRest)) {
    const from = parseMoment(sinceRest, now)
    return from === undefined ? no(cannotRead(sinceRest)) : between(from, now)
  }
  const around = /^around\s+(.+)$/i.exec(typed)?.[1]
  if (around !== undefined) {
    const middle = parseMoment(around, now)
    return middle === undefined ? no(cannotRead(around)) : between(middle - 5 * minute, middle + 5 * minute)
  }
  const sides = typed.replace(/^(between|from)\s+/i, '').split(/\s+(?:to|until|and|–|—|-)\s+|\s*(?:\.\.|\/|→)\s*/i)
  const [left, right] = sides
  if (sides.length === 2 && left !== undefined && right !== undefined) {
    const from = parseMoment(left, now)
    if (from === undefined) return no(cannotRead(left))
    const to = parseMoment(
      right,
      now,
      /\butc\b|z$/i.test(left) && isClock(right) ? { day: from, utc: true } : { day: from },
    )
    if (to === undefined) return no(cannotRead(right))
    return between(from, to)
  }
  return no(cannotRead(typed))
}

const no = (reason: string): Parsed => ({ ok: false, reason })
const cannotRead = (what: string): string =>
  `I can't read “${what.length > 40 ? `${what.slice(0, 40)}…` : what}” as a time. Try 30m, 2h, 09:00 to 10:30, or yesterday 14:00 to 15:00.`

function last(ms: number): Parsed {
  return ms > longest ? no('That is longer than 400 days.') : { ok: true, range: { kind: 'last', ms } }
}

function between(from: number, to: number): Parsed {
  if (!(to > from)) return no('The end must be after the start.')
  if (to - from > longest) return no('That is longer than 400 days.')
  return { ok: true, range: { kind: 'between', from, to } }
}

function wholeDay(input: string, now: number): Resolved | undefined {
  const lower = input.toLowerCase()
  const isDay = lower === 'yesterday' || /^\d{4}-\d{2}-\d{2}$/.test(lower) || weekdayOf(lower) !== undefined
  const from = isDay ? parseMoment(input, now) : undefined
  return from === undefined ? undefined : { from, to: addDays(from, 1) }
}

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
function weekdayOf(word: string): number | undefined {
  const at = word.length < 3 ? -1 : weekdays.findIndex((name) => name.startsWith(word))
  return at < 0 ? undefined : at
}

const isClock = (input: string): boolean => /^\d{1,2}(:\d{2}){0,2}(\.\d+)?\s*([ap]m)?$/i.test(input.trim())

/**
 * One moment: ISO 8601, `14:00`, `2pm`, `yesterday 14:00`, `monday 9:30`, `2h ago`, `now`, Unix seconds, milliseconds or
 * nanoseconds. A time of day alone lies on `on.day`, else today.
 */
export function parseMoment(
  input: string,
  now: number,
  on: { readonly day?: number; readonly utc?: boolean } = {},
): number | undefined {
  let rest = input.trim().replace(/\s+/g, ' ')
  const saysUtc = /\s*\butc$/i.test(rest)
  rest = rest.replace(/\s*\butc$/i, '').trim()
  const utc = saysUtc || on.utc === true
  const lower = rest.toLowerCase()
  if (lower === 'now') return now
  const ago = /^(.+) ago$/.exec(lower)?.[1] ?? /^now ?- ?(.+)$/.exec(lower)?.[1]
  if (ago !== undefined) {
    const length = parseLength(ago)
    return length === undefined ? undefined : now - length
  }
  if (/^\d{10}(\.\d+)?$/.test(rest)) return Math.round(Number(rest) * 1000)
  if (/^\d{13}$/.test(rest)) return Number(rest)
  if (/^\d{19}$/.test(rest)) return Number(BigInt(rest) / 1_000_000n)
  if (/^\d{4}-\d{2}-\d{2}[t ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(z|[+-]\d{2}:?\d{2})$/i.test(rest)) {
    return valid(Date.parse(rest.replace(' ', 'T')))
  }
  const [first = '', ...others] = lower.split(/[ t](?=\d)|(?<=^\d{4}-\d{2}-\d{2})t/)
  const date = dateOf(first, now, utc)
  if (date !== undefined) {
    if (others.length === 0) return date
    const clock = clockOf(others.join(' '))
    return clock === undefined ? undefined : atClock(date, clock, utc)
  }
  // After a start with its day, a bare number is an hour: `yesterday 14:00 to 15`.
  const clock = clockOf(on.day !== undefined && /^\d{1,2}$/.test(lower) ? `${lower}:00` : lower)
  return clock === undefined ? undefined : atClock(on.day ?? now, clock, utc)
}

const valid = (ms: number): number | undefined => (Number.isFinite(ms) ? ms : undefined)

function dateOf(word: string, now: number, utc: boolean): number | undefined {
  if (word === 'today') return startOfDay(now, utc)
  if (word === 'yesterday') return addDays(startOfDay(now, utc), -1, utc)
  const weekday = weekdayOf(word)
  if (weekday !== undefined) {
    const today = startOfDay(now, utc)
    const current = utc ? new Date(today).getUTCDay() : new Date(today).getDay()
    return addDays(today, -((current - weekday + 7) % 7), utc)
  }
  const iso = /^(\d{4})-(\d{2})-(\d{2})$/.exec(word)
  if (iso === null) return undefined
  const [year, month, dayOfMonth] = [Number(iso[1]), Number(iso[2]) - 1, Number(iso[3])]
  const ms = utc ? Date.UTC(year, month, dayOfMonth) : new Date(year, month, dayOfMonth).getTime()
  const back = new Date(ms)
  const same = utc
    ? back.getUTCMonth() === month && back.getUTCDate() === dayOfMonth
    : back.getMonth() === month && back.getDate() === dayOfMonth
  return same ? ms : undefined
}

function clockOf(input: string): number | undefined {
  const found = /^(\d{1,2})(?::(\d{2}))?(?::(\d{2})(\.\d{1,9})?)?\s*(am|pm)?$/.exec(input.trim())
  if (found === null || (found[2] === undefined && found[5] === undefined)) return undefined
  let hours = Number(found[1])
  if (found[5] !== undefined) {
    if (hours < 1 || hours > 12) return undefined
    hours = (hours % 12) + (found[5] === 'pm' ? 12 : 0)
  }
  const [minutes, seconds] = [Number(found[2] ?? 0), Number(found[3] ?? 0) + Number(found[4] ?? 0)]
  if (hours > 24 || minutes > 59 || seconds >= 60 || (hours === 24 && minutes + seconds > 0)) return undefined
  return Math.round((hours * 3600 + minutes * 60 + seconds) * 1000)
}

// Set on the calendar, not added to midnight: a day of a clock change has 23 or 25 hours.
function atClock(dayOf: number, clockMs: number, utc: boolean): number {
  const [h, m, s, ms] = [
    Math.floor(clockMs / hour),
    Math.floor(clockMs / minute) % 60,
    Math.floor(clockMs / second) % 60,
    clockMs % second,
  ]
  const date = new Date(dayOf)
  return utc ? date.setUTCHours(h, m, s, ms) : date.setHours(h, m, s, ms)
}

function startOfDay(ms: number, utc = false): number {
  return utc ? new Date(ms).setUTCHours(0, 0, 0, 0) : new Date(ms).setHours(0, 0, 0, 0)
}

function addDays(ms: number, days: number, utc = false): number {
  const date = new Date(ms)
  return utc ? date.setUTCDate(date.getUTCDate() + days) : date.setDate(date.getDate() + days)
}

/** The range at a moment: `last` ranges end at `now`. */
export function resolveRange(range: TimeRange, now: number): Resolved {
  return range.kind === 'last' ? { from: now - range.ms, to: now } : { from: range.from, to: range.to }
}

/** How the URL holds a range: `30m`, or an ISO 8601 interval in UTC. */
export function rangeToUrl(range: TimeRange): string {
  if (range.kind === 'between') return `${new Date(range.from).toISOString()}/${new Date(range.to).toISOString()}`
  return lengthText(range.ms)
}

/** `90m` as `1h30m`: short, and read back by parseLength. */
export function lengthText(ms: number): string {
  let rest = ms
  let out = ''
  for (const [unit, size] of [
    ['d', day],
    ['h', hour],
    ['m', minute],
    ['s', second],
    ['ms', 1],
  ] as const) {
    const many = Math.floor(rest / size)
    if (many > 0) out += `${many}${unit}`
    rest -= many * size
  }
  return out
}

/** A range out of a URL; the default where it is missing or makes no sense. */
export function rangeFromUrl(value: string | undefined, now: number): TimeRange {
  if (value === undefined) return defaultRange
  const parsed = parseRange(value, now)
  return parsed.ok ? parsed.range : defaultRange
}

/** Twice as long about the same middle, not beyond now. */
export function zoomOut(range: TimeRange, now: number): TimeRange {
  if (range.kind === 'last') return { kind: 'last', ms: Math.min(range.ms * 2, longest) }
  const length = range.to - range.from
  const to = Math.min(Math.round(range.to + length / 2), Math.max(now, range.to))
  return { kind: 'between', from: to - Math.min(length * 2, longest), to }
}

/** One length earlier (-1) or later (+1), not beyond now. */
export function shiftRange(range: TimeRange, direction: -1 | 1, now: number): TimeRange {
  const { from, to } = resolveRange(range, now)
  const length = to - from
  const end = Math.min(to + direction * length, Math.max(now, to))
  return { kind: 'between', from: end - length, to: end }
}
