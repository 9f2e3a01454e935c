import './chart.css'
import { useMemo, useState } from 'react'
import uPlot from 'uplot'
import type { Palette } from '../design/palette.ts'
import { clock, utc } from '../time/format.ts'
import { axisLook, timeAxis } from './axes.ts'
import { lonelyPoints } from './lonely.ts'
import { draggedTime, usePlot, type PlotOptions } from './usePlot.ts'

export interface Line {
  readonly key: string
  readonly label: string
  /** For each time; null: none. */
  readonly values: readonly (number | null)[]
  /** A colour of CSS, or one of its variables: `var(--error)`. */
  readonly colour: string
  readonly dashed?: boolean
}

/** Something that happened, as a line through the chart. */
export interface Mark {
  readonly at: number
  readonly label: string
}

interface Props {
  label: string
  /** Unix milliseconds at the end of each step, and a step's length. */
  times: readonly number[]
  step: number
  lines: readonly Line[]
  format: (value: number) => string
  marks?: readonly Mark[]
  /** Drag: a range of time, in Unix milliseconds. */
  onRange: (from: number, to: number) => void
  /** A click on a step: its time, and the line nearest to the pointer. */
  onStep?: (from: number, to: number, line: Line) => void
}

interface Hovered {
  readonly at: number
  readonly left: number
  readonly width: number
  readonly nearest: number
}

/** Lines over time: drag selects a range, a click opens what is behind a step. */
export function LineChart(props: Props) {
  const { label, times, lines, format, marks } = props
  const [hovered, setHovered] = useState<Hovered>()
  const data = useMemo<uPlot.AlignedData>(
    () => [times.map((time) => time / 1000), ...lines.map(({ values }) => [...values])],
    [times, lines],
  )
  const drawn = JSON.stringify(lines.map(({ key, colour, dashed }) => [key, colour, dashed]))
  const place = usePlot(props, data, marks, (palette, latest) => options(palette, latest, setHovered), drawn)
  return (
    <figure className="chart" aria-label={label}>
      <div className="chart-plot" ref={place} />
      {hovered !== undefined && <Hint hovered={hovered} times={times} lines={lines} format={format} />}
    </figure>
  )
}

function options(palette: Palette, props: () => Props, hover: (hovered: Hovered | undefined) => void): PlotOptions {
  const colourOf = (colour: string): string => {
    const [, token] = /^var\((--[\w-]+)\)$/.exec(colour) ?? []
    return token === undefined ? colour : palette.token(token)
  }
  let dragged = false
  /** The line nearest to the pointer at a step. */
  const nearest = (chart: uPlot, at: number, top: number): number => {
    let [best, least] = [0, Infinity]
    for (let line = 1; line < chart.data.length; line++) {
      const value = chart.data[line]?.[at]
      if (value === null || value === undefined) continue
      const far = Math.abs(chart.valToPos(value, 'y') - top)
      if (far < least) [best, least] = [line - 1, far]
    }
    return best
  }
  return {
    cursor: { y: false, points: { size: 7 }, drag: { setScale: false, dist: 6, x: true, y: false } },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] } },
    axes: [
      timeAxis(palette),
      {
        ...axisLook(palette),
        size: 64,
        space: 36,
        values: (_, splits) => splits.map((value) => props().format(value)),
      },
    ],
    series: [
      {},
      ...props().lines.map(({ colour, dashed }) => ({
        stroke: colourOf(colour),
        width: 1.5,
        ...(dashed === true ? { dash: [4, 3] } : {}),
        points: {
          show: false,
          size: 4,
          fill: colourOf(colour),
          filter: (chart: uPlot, line: number) => lonelyPoints(chart.data[line] ?? []),
        },
      })),
    ],
    hooks: {
      ready: [
        (chart) => {
          chart.over.addEventListener('mousedown', () => (dragged = false))
          chart.over.addEventListener('mouseleave', () => hover(undefined))
          chart.over.addEventListener('click', (event) => {
            const at = chart.cursor.idx
            const { times, step, lines, onStep } = props()
            const [time, line] = [times[at ?? -1], lines[nearest(chart, at ?? 0, event.offsetY)]]
            if (!dragged && time !== undefined && line !== undefined) onStep?.(time - step, time, line)
          })
        },
      ],
      setCursor: [
        (chart) => {
          const at = chart.cursor.idx
          if (at === null || at === undefined) return hover(undefined)
          const left = chart.valToPos(chart.data[0][at] ?? 0, 'x') + chart.over.offsetLeft
          hover({ at, left, width: chart.root.clientWidth, nearest: nearest(chart, at, chart.cursor.top ?? 0) })
        },
      ],
      setSelect: [
        (chart) => {
          const range = draggedTime(chart)
          if (range === undefined) return
          dragged = true
          props().onRange(range.from, range.to)
        },
      ],
      draw: [
        (chart) => {
          const { ctx, bbox } = chart
          const ratio = uPlot.pxRatio
          ctx.save()
          ctx.strokeStyle = palette.token('--text-muted')
          ctx.fillStyle = palette.token('--text-muted')
          ctx.font = `${11 * ratio}px ${palette.token('--font')}`
          ctx.textAlign = 'left'
          ctx.setLineDash([3 * ratio, 3 * ratio])
          for (const { at, label } of props().marks ?? []) {
            const x = chart.valToPos(at / 1000, 'x', true)
            if (x < bbox.left || x > bbox.left + bbox.width) continue
            ctx.beginPath()
            ctx.moveTo(x, bbox.top)
            ctx.lineTo(x, bbox.top + bbox.height)
            ctx.stroke()
            ctx.fillText(label.length > 24 ? `${label.slice(0, 23)}…` : label, x + 4 * ratio, bbox.top + 10 * ratio)
          }
          ctx.restore()
        },
      ],
    },
  }
}

/** Lines told at once: with more of them, those nearest to the pointer. */
const mostTold = 12

function Hint({
  hovered: { at, left, width, nearest },
  times,
  lines,
  format,
}: Pick<Props, 'times' | 'lines' | 'format'> & { hovered: Hovered }) {
  const time = times[at]
  const there = lines.filter(({ values }) => typeof values[at] === 'number')
  if (time === undefined || there.length === 0) return null
  const line = lines[nearest]
  const from = Math.max(0, Math.min(there.findIndex((one) => one === line) - mostTold / 2, there.length - mostTold))
  const told = there.slice(from, from + mostTold)
  const right = left > width / 2
  return (
    <div className="chart-hint" style={right ? { right: width - left + 12 } : { left: left + 12 }}>
      <div className="muted" title={utc(time)}>
        until {clock(time)}
      </div>
      {told.map((one) => (
        <div key={one.key} className="chart-told" data-nearest={one === line}>
          <span className="swatch" style={{ background: one.colour }} aria-hidden="true" />
          <bdi className="cut">{one.label}</bdi>
          <span className="number">{format(one.values[at] ?? 0)}</span>
        </div>
      ))}
      {there.length > told.length && <div className="muted">and {there.length - told.length} more</div>}
    </div>
  )
}
