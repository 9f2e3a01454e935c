import { useMemo, useState } from 'react'
import uPlot from 'uplot'
import type { TraceSummary } from '../../../query-api/types.ts'
import { useChart } from '../chart/durations.ts'
import { draggedTime } from '../chart/usePlot.ts'
import { colourIndex } from '../colour/service.ts'
import { Swatch } from '../design/Figure.tsx'
import type { Palette } from '../design/palette.ts'
import { duration, text } from '../numbers/format.ts'
import { clock, fraction, toMs, utc } from '../time/format.ts'

interface Props {
  traces: readonly TraceSummary[]
  /** The window asked for, in Unix milliseconds. */
  from: number
  to: number
  /** More traces match than are here: then the axis is as wide as these, else as the window. */
  cut: boolean
  marked: string | undefined
  onMark: (traceId: string | undefined) => void
  onOpen: (traceId: string) => void
  onRange: (from: number, to: number) => void
}

interface Point {
  readonly trace: TraceSummary
  /** Seconds, as uPlot counts time. */
  readonly x: number
  /** Nanoseconds, at least 1 µs: the axis is logarithmic. */
  readonly y: number
  readonly size: number
}

const reach = 24

/** Duration over time, one mark a trace: click opens, drag selects a range of time. */
export function Scatter(props: Props) {
  const { traces, marked } = props
  const [hovered, setHovered] = useState<{ point: Point; left: number; top: number; width: number }>()
  const points = useMemo(() => toPoints(traces), [traces])
  const { from, to } = props.cut ? extent(points) : props
  const data = useMemo(() => toData(points, from, to), [points, from, to])
  const place = useChart({ props, points, marked }, data, marked, (palette, state) =>
    parts(palette, state, {
      hover: (point, left, top, width) => {
        setHovered(point === undefined ? undefined : { point, left, top, width })
        state().props.onMark(point?.trace.traceId)
      },
      open: (point) => state().props.onOpen(point.trace.traceId),
      select: (a, b) => state().props.onRange(a, b),
    }),
  )

  return (
    <figure
      className="scatter"
      aria-label={`Duration over time of ${traces.length} traces; the table below lists them`}
    >
      <div className="scatter-plot" ref={place} />
      {hovered !== undefined && <Hint {...hovered} />}
      <figcaption className="scatter-caption">
        Duration over local time. Click opens, drag selects a range.
        <span className="scatter-key">
          <span className="scatter-key-dot" /> colour: root service
        </span>
        <span className="scatter-key">
          <span className="scatter-key-error" /> with errors
        </span>
      </figcaption>
    </figure>
  )
}

function toPoints(traces: readonly TraceSummary[]): readonly Point[] {
  return traces
    .map((trace) => ({
      trace,
      x: toMs(trace.startTimeUnixNano) / 1000,
      y: Math.max(1000, Number(trace.durationNanos)),
      size: Math.min(7, 2.5 + Math.log10(trace.spanCount + 1)),
    }))
    .sort((a, b) => a.x - b.x)
}

/** From the first to the last, with some room. */
function extent(points: readonly Point[]): { from: number; to: number } {
  const [first, last] = [(points[0]?.x ?? 0) * 1000, (points.at(-1)?.x ?? 0) * 1000]
  const room = Math.max(1, (last - first) * 0.02)
  return { from: first - room, to: last + room }
}

// The scales are taken from the data, so the window's ends stand in it as points without a value.
const toData = (points: readonly Point[], from: number, to: number): uPlot.AlignedData => {
  const inside = points.filter(({ x }) => x * 1000 >= from && x * 1000 <= to)
  return [
    [from / 1000, ...inside.map(({ x }) => x), to / 1000],
    [null, ...inside.map(({ y }) => y), null],
  ]
}

interface Reactions {
  hover: (point: Point | undefined, left: number, top: number, width: number) => void
  open: (point: Point) => void
  /** Unix milliseconds. */
  select: (from: number, to: number) => void
}

function parts(
  palette: Palette,
  state: () => { points: readonly Point[]; marked: string | undefined },
  react: Reactions,
): ReturnType<Parameters<typeof useChart>[3]> {
  let dragged = false
  return {
    drag: { x: true, y: false },
    hooks: {
      ready: [
        (chart) => {
          const at = (event: MouseEvent): Point | undefined =>
            nearest(chart, state().points, event.offsetX, event.offsetY)
          chart.over.addEventListener('mousemove', (event) => {
            const point = event.buttons === 0 ? at(event) : undefined
            chart.over.dataset['near'] = String(point !== undefined)
            const left = point === undefined ? 0 : chart.valToPos(point.x, 'x')
            const top = point === undefined ? 0 : chart.valToPos(point.y, 'y')
            react.hover(point, left + chart.over.offsetLeft, top, chart.root.clientWidth)
          })
          chart.over.addEventListener('mouseleave', () => react.hover(undefined, 0, 0, 0))
          chart.over.addEventListener('mousedown', () => (dragged = false))
          chart.over.addEventListener('click', (event) => {
            const point = dragged ? undefined : at(event)
            if (point !== undefined) react.open(point)
          })
        },
      ],
      setSelect: [
        (chart) => {
          const range = draggedTime(chart)
          if (range === undefined) return
          dragged = true
          react.select(range.from, range.to)
        },
      ],
      draw: [(chart) => drawPoints(chart, state(), palette)],
    },
  }
}

function nearest(chart: uPlot, points: readonly Point[], left: number, top: number): Point | undefined {
  let best: Point | undefined
  let least = reach * reach
  for (const point of points) {
    const dx = chart.valToPos(point.x, 'x') - left
    const dy = chart.valToPos(point.y, 'y') - top
    const far = dx * dx + dy * dy
    if (far < least) [least, best] = [far, point]
  }
  return best
}

function drawPoints(
  chart: uPlot,
  { points, marked }: { points: readonly Point[]; marked: string | undefined },
  palette: Palette,
): void {
  const { ctx } = chart
  const ratio = uPlot.pxRatio
  ctx.save()
  ctx.beginPath()
  ctx.rect(chart.bbox.left, chart.bbox.top, chart.bbox.width, chart.bbox.height)
  ctx.clip()
  for (const pass of ['plain', 'error', 'marked'] as const) {
    for (const point of points) {
      const { trace } = point
      const mine = trace.traceId === marked ? 'marked' : trace.errorCount > 0 ? 'error' : 'plain'
      if (mine !== pass) continue
      const x = chart.valToPos(point.x, 'x', true)
      const y = chart.valToPos(point.y, 'y', true)
      const size = point.size * ratio
      ctx.beginPath()
      if (trace.errorCount > 0) {
        ctx.fillStyle = palette.token('--error')
        ctx.globalAlpha = 0.9
        ctx.moveTo(x, y - size * 1.25)
        ctx.lineTo(x + size * 1.25, y)
        ctx.lineTo(x, y + size * 1.25)
        ctx.lineTo(x - size * 1.25, y)
        ctx.closePath()
      } else {
        ctx.fillStyle = palette.services[colourIndex(trace.rootService)] ?? ''
        ctx.globalAlpha = 0.75
        ctx.arc(x, y, size, 0, 2 * Math.PI)
      }
      ctx.fill()
      ctx.globalAlpha = 1
      if (mine !== 'marked') continue
      ctx.strokeStyle = palette.token('--text')
      ctx.lineWidth = 1.5 * ratio
      ctx.beginPath()
      ctx.arc(x, y, size + 3 * ratio, 0, 2 * Math.PI)
      ctx.stroke()
    }
  }
  ctx.restore()
}

function Hint({ point, left, top, width }: { point: Point; left: number; top: number; width: number }) {
  const { trace } = point
  const started = toMs(trace.startTimeUnixNano)
  const right = left > width / 2
  return (
    <div
      className="scatter-hint"
      style={{ top, ...(right ? { right: width - left + 12 } : { left: left + 12 }) }}
      data-testid="scatter-hint"
    >
      <div className="scatter-hint-name">
        <Swatch service={trace.rootService} />
        <bdi className="cut">{trace.rootService}</bdi>
      </div>
      <bdi className="cut">{trace.rootName}</bdi>
      <div className="muted" title={utc(started)}>
        {text(duration(trace.durationNanos))} at {clock(started)}
        {fraction(started)}, {trace.spanCount} {trace.spanCount === 1 ? 'span' : 'spans'}
        {trace.errorCount > 0 && `, ${trace.errorCount} with errors`}
      </div>
    </div>
  )
}
