import { Popover } from '@base-ui/react/popover'
import { Switch } from '@base-ui/react/switch'
import { useRef, useState, type RefObject } from 'react'
import { Icon } from '../design/Icon.tsx'
import { clock as clockTime, dayName, moment, sameDay, shortClock, utc, zone } from '../time/format.ts'
import { lengthText, parseRange, rangeToUrl, shiftRange, zoomOut, type TimeRange } from '../time/range.ts'
import { useClock } from './clock.tsx'
import { useKeys } from './keys.ts'

const presets = ['5m', '15m', '30m', '1h', '3h', '6h', '12h', '1d', '2d', '7d'] as const
const unitNames: Readonly<Record<string, string>> = { d: 'day', h: 'hour', m: 'minute', s: 'second' }

/** `30m` as `30 minutes`; lengths of several units stay short: `1h 30m`. */
function lengthName(length: string): string {
  const [, many = '', unit = ''] = /^(\d+)([a-z]+)$/.exec(length) ?? []
  const name = unitNames[unit]
  if (name === undefined) return length.replace(/([a-z]+)(?=\d)/g, '$1 ')
  return `${many} ${name}${many === '1' ? '' : 's'}`
}

/** The time range in a few words, in local time. */
export function rangeName(range: TimeRange, now: number): string {
  if (range.kind === 'last') {
    return `Last ${lengthName(lengthText(range.ms))}`
  }
  const { from, to } = range
  const day = sameDay(from, now) && sameDay(to, now) ? '' : `${dayName(from, now)} `
  const end = sameDay(from, to) ? shortClock(to) : `${dayName(to, now)} ${shortClock(to)}`
  return `${day}${shortClock(from)} – ${end}`
}

/** From when to when, to the minute: what a relative range stands for just now. */
function when(from: number, to: number): string {
  const minutes = (ms: number): string => clockTime(ms).slice(0, 5)
  if (sameDay(from, to)) return `${minutes(from)} – ${minutes(to)}`
  if (to - from > 3 * 86_400_000) return `${dayName(from, to)} – ${dayName(to, to)}`
  return `${dayName(from, to)} ${minutes(from)} – ${dayName(to, to)} ${minutes(to)}`
}

export function TimeControls() {
  const clock = useClock()
  const { now, range, resolved, live, refresh, setRange, setLive } = clock
  const [open, setOpen] = useState(false)
  const [byKey, setByKey] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  useKeys({
    t: () => {
      setByKey(true)
      setOpen(true)
    },
    r: refresh,
    z: () => setRange(zoomOut(range, now)),
  })
  const atNow = resolved.to >= now
  return (
    <div className="top-time">
      <div className="top-group">
        <button
          type="button"
          className="button button-icon"
          aria-label="Earlier"
          title="Earlier by one length"
          onClick={() => setRange(shiftRange(range, -1, now))}
        >
          <Icon name="left" size={14} />
        </button>
        <Popover.Root
          open={open}
          onOpenChange={(next) => {
            if (next) setByKey(false)
            setOpen(next)
          }}
        >
          <Popover.Trigger
            className="button top-range"
            title={`${utc(resolved.from)}\n${utc(resolved.to)}\nShown in local time (${zone(now)})`}
          >
            <Icon name="clock" size={14} />
            {rangeName(range, now)}
            {range.kind === 'last' && <span className="top-when">{when(resolved.from, resolved.to)}</span>}
          </Popover.Trigger>
          <Popover.Portal>
            <Popover.Positioner sideOffset={6} align="end">
              <Popover.Popup className="popup time" aria-label="Time range" initialFocus={field} finalFocus={!byKey}>
                <TimePicker
                  field={field}
                  onPick={(next) => {
                    setOpen(false)
                    setRange(next)
                  }}
                />
              </Popover.Popup>
            </Popover.Positioner>
          </Popover.Portal>
        </Popover.Root>
        <button
          type="button"
          className="button button-icon"
          aria-label="Later"
          title="Later by one length"
          disabled={atNow}
          onClick={() => setRange(shiftRange(range, 1, now))}
        >
          <Icon name="right" size={14} />
        </button>
      </div>
      <button
        type="button"
        className="button button-quiet button-icon"
        aria-label="Zoom out"
        title="Zoom out: twice the time (z)"
        onClick={() => setRange(zoomOut(range, now))}
      >
        <Icon name="zoomOut" />
      </button>
      <button
        type="button"
        className="button button-quiet button-icon"
        aria-label="Refresh"
        title={`Refresh (r). As of ${moment(now, now)}`}
        onClick={refresh}
      >
        <Icon name="refresh" />
      </button>
      {/* The switch holds an input of its own, which the rule does not see. */}
      {/* eslint-disable-next-line jsx-a11y/label-has-associated-control */}
      <label className="top-live" title="Ask again every few seconds">
        <Switch.Root className="switch" checked={live} onCheckedChange={setLive}>
          <Switch.Thumb className="switch-thumb" />
        </Switch.Root>
        Live
      </label>
    </div>
  )
}

function TimePicker({
  onPick,
  field,
}: {
  onPick: (range: TimeRange) => void
  field: RefObject<HTMLInputElement | null>
}) {
  const { now, range, resolved } = useClock()
  const [text, setText] = useState('')
  const parsed = parseRange(text, Date.now())
  const typed = text.trim() !== ''
  return (
    <>
      <form
        className="time-typed"
        onSubmit={(event) => {
          event.preventDefault()
          if (parsed.ok) onPick(parsed.range)
        }}
      >
        <input
          ref={field}
          className="field"
          aria-label="Time range"
          aria-describedby="time-read"
          aria-invalid={typed && !parsed.ok}
          placeholder="30m, 2h, yesterday 14:00 to 15:00"
          spellCheck={false}
          autoComplete="off"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <p className="time-read" id="time-read" role="status">
          {!typed && `Now: ${rangeName(range, now)}`}
          {typed && (parsed.ok ? understood(parsed.range) : parsed.reason)}
        </p>
      </form>
      <ul className="time-presets">
        {presets.map((preset) => (
          <li key={preset}>
            <button
              type="button"
              className="option time-preset"
              aria-current={rangeToUrl(range) === preset}
              onClick={() => {
                const chosen = parseRange(preset, now)
                if (chosen.ok) onPick(chosen.range)
              }}
            >
              <span className="time-preset-short">{preset}</span>
              {lengthName(preset)}
            </button>
          </li>
        ))}
      </ul>
      <Absolute key={`${resolved.from}-${resolved.to}`} from={resolved.from} to={resolved.to} onPick={onPick} />
      <p className="time-zone">Local time: {zone(now)}. UTC on hover.</p>
    </>
  )
}

function understood(range: TimeRange): string {
  const now = Date.now()
  if (range.kind === 'last') return `From ${moment(now - range.ms, now)} to now. Enter takes it.`
  return `From ${moment(range.from, now)} to ${moment(range.to, now)}. Enter takes it.`
}

// <input type="datetime-local"> speaks local time without a zone.
const toInput = (ms: number): string =>
  new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19)

function Absolute(props: { from: number; to: number; onPick: (range: TimeRange) => void }) {
  const [from, setFrom] = useState(toInput(props.from))
  const [to, setTo] = useState(toInput(props.to))
  const range = { kind: 'between', from: Date.parse(from), to: Date.parse(to) } as const
  const sound = range.to > range.from
  return (
    <form
      className="time-absolute"
      onSubmit={(event) => {
        event.preventDefault()
        if (sound) props.onPick(range)
      }}
    >
      <label>
        <span>From</span>
        <input
          type="datetime-local"
          step={1}
          className="field"
          value={from}
          title={Number.isNaN(range.from) ? undefined : utc(range.from)}
          onChange={(event) => setFrom(event.target.value)}
        />
      </label>
      <label>
        <span>To</span>
        <input
          type="datetime-local"
          step={1}
          className="field"
          value={to}
          aria-invalid={!sound}
          title={Number.isNaN(range.to) ? undefined : utc(range.to)}
          onChange={(event) => setTo(event.target.value)}
        />
      </label>
      <button type="submit" className="button" disabled={!sound}>
        Use these
      </button>
    </form>
  )
}
