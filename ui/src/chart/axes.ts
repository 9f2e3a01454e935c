import type uPlot from 'uplot'
import type { Palette } from '../design/palette.ts'
import { clock, dayName, fraction, sameDay } from '../time/format.ts'

/** How every axis looks. */
export const axisLook = (palette: Palette): uPlot.Axis => ({
  font: `${palette.token('--text-tiny')} ${palette.token('--font')}`,
  stroke: palette.token('--text-faint'),
  grid: { stroke: palette.token('--grid'), width: 1 },
  ticks: { show: false },
})

/** Local time, in seconds as uPlot counts it. */
export const timeAxis = (palette: Palette): uPlot.Axis => ({
  ...axisLook(palette),
  size: 24,
  space: 90,
  values: (_, splits) => timeLabels(splits),
})

function timeLabels(splits: readonly number[]): string[] {
  // One label alone stands for a long time.
  const step = splits.length < 2 ? 60 : (splits[1] ?? 0) - (splits[0] ?? 0)
  const stepMs = Math.round(step * 1000)
  return splits.map((seconds, i) => {
    const ms = Math.round(seconds * 1000)
    const before = splits[i - 1]
    const date = new Date(ms)
    const midnight = date.getHours() + date.getMinutes() + date.getSeconds() === 0
    if (step >= 86_400 || (midnight && step >= 60)) return dayName(ms, Date.now())
    const part = stepMs >= 1000 ? '' : fraction(ms, stepMs >= 100 ? 1 : stepMs >= 10 ? 2 : 3)
    const time = step < 60 ? `${clock(ms)}${part}` : clock(ms).slice(0, 5)
    return before !== undefined && !sameDay(ms, before * 1000) ? `${dayName(ms, Date.now())} ${time}` : time
  })
}
