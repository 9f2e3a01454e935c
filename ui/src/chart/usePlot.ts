import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef, type RefObject } from 'react'
import uPlot from 'uplot'
import { readPalette, type Palette } from '../design/palette.ts'
import { useTheme } from '../frame/theme.ts'

/** What charts do not have alike. */
export type PlotOptions = Omit<uPlot.Options, 'width' | 'height' | 'padding' | 'legend'>

/**
 * A chart as large as its box; made anew for another theme only, or another `drawn`.
 *
 * @param state what `make`'s functions see, always the latest
 * @param data its scales are taken from them; a new array is drawn
 * @param mark it is drawn again when this changes
 * @param drawn what `make` itself looks at of the state
 */
export function usePlot<State>(
  state: State,
  data: uPlot.AlignedData,
  mark: unknown,
  make: (palette: Palette, state: () => State) => PlotOptions,
  drawn = '',
): RefObject<HTMLDivElement | null> {
  const theme = useTheme()
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const latest = useRef({ state, data, make })
  useEffect(() => {
    latest.current = { state, data, make }
  })
  useEffect(() => {
    const box = place.current
    if (box === null) return
    const options: uPlot.Options = {
      width: box.clientWidth,
      height: box.clientHeight,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      ...latest.current.make(readPalette(), () => latest.current.state),
    }
    const chart = new uPlot(options, latest.current.data, box)
    plot.current = chart
    const watch = new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: box.clientHeight }))
    watch.observe(box)
    return () => {
      watch.disconnect()
      chart.destroy()
      plot.current = undefined
    }
  }, [theme, drawn])
  useEffect(() => plot.current?.setData(data), [data])
  useEffect(() => plot.current?.redraw(false), [mark])
  return place
}

/** The range of time that was dragged over, in Unix milliseconds, and no longer selected; undefined: less than is meant. */
export function draggedTime(chart: uPlot): { readonly from: number; readonly to: number } | undefined {
  const { left, width } = chart.select
  if (width < 6) return undefined
  const [from, to] = [chart.posToVal(left, 'x') * 1000, chart.posToVal(left + width, 'x') * 1000]
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
  return { from: Math.floor(from), to: Math.ceil(to) }
}
