import type { RefObject } from 'react'
import type uPlot from 'uplot'
import type { Palette } from '../design/palette.ts'
import { roundDuration } from '../numbers/format.ts'
import { axisLook, timeAxis } from './axes.ts'
import { usePlot } from './usePlot.ts'

/** What a chart adds to the axes: how it is drawn, and what the pointer does. */
type Parts = Pick<uPlot.Options, 'hooks'> & { readonly drag: uPlot.Cursor.Drag }

/** A chart of durations over time, with what `make` adds (usePlot.ts). */
export function useChart<State>(
  state: State,
  data: uPlot.AlignedData,
  mark: unknown,
  make: (palette: Palette, state: () => State) => Parts,
): RefObject<HTMLDivElement | null> {
  return usePlot(state, data, mark, (palette, latest) => {
    const { drag, hooks } = make(palette, latest)
    return {
      cursor: { x: false, y: false, points: { show: false }, drag: { setScale: false, dist: 6, ...drag } },
      ...durationOverTime(palette),
      series: [{}, { paths: () => null, points: { show: false } }],
      ...(hooks === undefined ? {} : { hooks }),
    }
  })
}

/** Local time to the right (in seconds, as uPlot counts it), durations upwards in nanoseconds on a logarithmic scale. */
function durationOverTime(palette: Palette): Pick<uPlot.Options, 'scales' | 'axes'> {
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
      timeAxis(palette),
      {
        ...axisLook(palette),
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
