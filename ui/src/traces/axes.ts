import type uPlot from 'uplot'
import type { Palette } from '../design/palette.ts'
import { roundDuration } from '../numbers/format.ts'
import { clock, dayName, fraction, sameDay } from '../time/format.ts'

/** Local time to the right (in seconds, as uPlot counts it), durations upwards in nanoseconds on a logarithmic scale. */
export function durationOverTime(palette: Palette): Pick<uPlot.Options, 'scales' | 'axes'> {
  const axis = {
    font: `${palette.token('--text-tiny')} ${palette.token('--font')}`,
    stroke: palette.token('--text-faint'),
    grid: { stroke: palette.token('--grid'), width: 1 },
    ticks: { show: false },
  }
  return {
    scales: {
      x: { time: true },
      y: {
        // Logarithmic; uPlot's enum exists in its types only.
        // eslint-disable-next-line typescript/no-unsafe-enum-assignment
        distr: 3,
        range: (_, min, max) => [
          10 ** Math.floor(Math.log10(min || 1e6)),
          10 ** Math.ceil(Math.log10((max || 1e9) * 1.001)),
        ],
      },
    },
    axes: [
      { ...axis, size: 24, space: 90, values: (_, splits) => timeLabels(splits) },
      {
        ...axis,
        size: 60,
        // uPlot would blank out powers of its own choice.
        filter: (_, splits) => splits,
        splits: (chart) => powers(chart.scales['y']?.min ?? 1e6, chart.scales['y']?.max ?? 1e9),
        values: (_, splits) => splits.map(roundDuration),
      },
    ],
  }
}

function powers(min: number, max: number): number[] {
  const out: number[] = []
  for (let value = min; value <= max * 1.001; value *= 10) out.push(value)
  // One label in so many, that they keep some 24 px between them.
  const step = Math.ceil(out.length / 6)
  return out.filter((_, i) => i % step === 0)
}

function timeLabels(splits: readonly number[]): string[] {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0)
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
