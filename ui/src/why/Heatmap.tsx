import { useMemo, useState } from 'react'
import uPlot from 'uplot'
import type { HeatmapAnswer } from '../../../query-api/types.ts'
import type { Palette } from '../design/palette.ts'
import { count, duration, text } from '../numbers/format.ts'
import { clock } from '../time/format.ts'
import { useChart } from '../chart/durations.ts'
import { areaToUrl, slowRow, type Area, type Box } from './area.ts'

interface Props {
  map: HeatmapAnswer
  /** What it counts, in the plural: "requests". */
  what: string
  area: Area | undefined
  onSelect: (area: Box) => void
}

interface Cell {
  readonly column: number
  readonly row: number
  readonly spans: number
  readonly errors: number
}

/** Durations over time, darker where more spans are, red where they fail. Dragging selects an area. */
export function Heatmap(props: Props) {
  const { map, what, area } = props
  const grid = useMemo(() => new Grid(map), [map])
  const [hovered, setHovered] = useState<Hovered>()
  const mark = area === undefined ? '' : areaToUrl(area)
  const place = useChart({ grid, area, onSelect: props.onSelect }, grid.data, mark, (palette, state) =>
    parts(palette, state, { hover: setHovered, select: (box) => state().onSelect(box) }),
  )

  const total = `${text(count(map.spans))} ${what}`
  return (
    <figure className="scatter" aria-label={`Heat map of the durations of ${total}, ${text(count(map.errors))} failed`}>
      <div className="scatter-plot" ref={place} />
      {hovered !== undefined && <Hint {...hovered} grid={grid} what={what} />}
      <figcaption className="scatter-caption">
        All {total} that match, by duration and local time. Drag over an area to learn what is special about it.
        <span className="scatter-key">
          few <span className="heat-key" /> many
        </span>
        <span className="scatter-key">
          <span className="heat-key-error" /> share that failed
        </span>
      </figcaption>
    </figure>
  )
}

/** The cells of a heat map and where they lie: seconds to the right, nanoseconds upwards. */
class Grid {
  readonly #start: number
  readonly #step: number
  readonly #edges: readonly number[]
  readonly cells: readonly Cell[]
  readonly #byPlace = new Map<number, Cell>()
  readonly most: number
  readonly slow: number | undefined
  /** uPlot takes its scales from the data: the corners. */
  readonly data: uPlot.AlignedData

  constructor(map: HeatmapAnswer) {
    this.#start = Number(map.start) / 1e9
    this.#step = Number(map.step) / 1e9
    this.#edges = map.edges.map(Number)
    const cells: Cell[] = []
    for (let at = 0; at < map.cells.length; at += 4) {
      const [column = 0, row = 0, spans = 0, errors = 0] = map.cells.slice(at, at + 4)
      const cell = { column, row, spans, errors }
      cells.push(cell)
      this.#byPlace.set(column * this.#edges.length + row, cell)
    }
    this.cells = cells
    this.most = cells.reduce((most, { spans }) => Math.max(most, spans), 1)
    this.slow = slowRow(map)
    const rows = cells.map(({ row }) => row)
    const low = this.bottom(rows.reduce((a, b) => Math.min(a, b), this.#edges.length - 1))
    const high = this.top(rows.reduce((a, b) => Math.max(a, b), 0))
    this.data = [
      [this.#start, Number(map.end) / 1e9],
      [low, Math.max(high, low * 10)],
    ]
  }
  left(column: number): number {
    return this.#start + column * this.#step
  }
  /** What is shorter than a microsecond stands below it: the scale has no zero. */
  bottom(row: number): number {
    return row === 0 ? 100 : (this.#edges[row] ?? Infinity)
  }
  top(row: number): number {
    return this.#edges[row + 1] ?? (this.#edges[row] ?? 0) * 1.26
  }
  columnAt(seconds: number): number {
    return Math.floor((seconds - this.#start) / this.#step)
  }
  rowAt(nanos: number): number {
    return Math.max(
      0,
      this.#edges.findLastIndex((edge) => edge <= nanos),
    )
  }
  at(seconds: number, nanos: number): Cell | undefined {
    return this.#byPlace.get(this.columnAt(seconds) * this.#edges.length + this.rowAt(nanos))
  }
  edge(row: number): string | undefined {
    return this.#edges[row] === undefined ? undefined : String(this.#edges[row])
  }
}

interface Hovered {
  readonly cell: Cell
  /** Pixels in the figure, and its width. */
  readonly left: number
  readonly top: number
  readonly width: number
}

interface Reactions {
  hover: (hovered: Hovered | undefined) => void
  select: (area: Box) => void
}

function parts(
  palette: Palette,
  state: () => { grid: Grid; area: Area | undefined },
  react: Reactions,
): ReturnType<Parameters<typeof useChart>[3]> {
  return {
    // Where one goes only to one side, the other is taken whole.
    drag: { x: true, y: true, uni: 16 },
    hooks: {
      ready: [
        (chart) => {
          chart.over.addEventListener('mousemove', ({ offsetX, offsetY, buttons }) => {
            const { grid } = state()
            const cell = grid.at(chart.posToVal(offsetX, 'x'), chart.posToVal(offsetY, 'y'))
            const left = offsetX + chart.over.offsetLeft
            react.hover(
              buttons !== 0 || cell === undefined
                ? undefined
                : { cell, left, top: offsetY, width: chart.root.clientWidth },
            )
          })
          chart.over.addEventListener('mouseleave', () => react.hover(undefined))
        },
      ],
      setSelect: [
        (chart) => {
          const { left, top, width, height } = chart.select
          if (width < 6 && height < 6) return
          const { grid } = state()
          const columns = [left, left + width].map((x) => grid.columnAt(chart.posToVal(x, 'x')))
          const whole = height >= chart.over.clientHeight - 1
          const [high = 0, low = 0] = [top, top + height].map((y) => grid.rowAt(chart.posToVal(y, 'y')))
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          react.select({
            kind: 'box',
            from: Math.floor(grid.left(columns[0] ?? 0) * 1000),
            to: Math.ceil(grid.left((columns[1] ?? 0) + 1) * 1000),
            min: whole ? '0' : (grid.edge(low) ?? '0'),
            below: whole ? undefined : grid.edge(high + 1),
          })
        },
      ],
      draw: [(chart) => draw(chart, state(), palette)],
    },
  }
}

function draw(chart: uPlot, { grid, area }: { grid: Grid; area: Area | undefined }, palette: Palette): void {
  const { ctx, bbox } = chart
  const ratio = uPlot.pxRatio
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  const x = (seconds: number): number => Math.round(chart.valToPos(seconds, 'x', true))
  const y = (nanos: number): number => Math.round(chart.valToPos(nanos, 'y', true))
  const [accent, error] = [palette.token('--accent'), palette.token('--error')]
  for (const { column, row, spans, errors } of grid.cells) {
    const [left, top] = [x(grid.left(column)), y(grid.top(row))]
    const [width, height] = [Math.max(1, x(grid.left(column + 1)) - left), Math.max(1, y(grid.bottom(row)) - top)]
    ctx.globalAlpha = 0.14 + (0.86 * Math.log1p(spans)) / Math.log1p(grid.most)
    ctx.fillStyle = accent
    ctx.fillRect(left, top, width, height)
    if (errors === 0) continue
    // As large a part of the cell as failed, and never too small to be seen.
    const share = Math.sqrt(errors / spans)
    const [w, h] = [Math.max(2 * ratio, width * share), Math.max(2 * ratio, height * share)]
    ctx.globalAlpha = 1
    ctx.fillStyle = error
    ctx.fillRect(left + (width - w) / 2, top + (height - h) / 2, w, h)
  }
  ctx.globalAlpha = 1
  const box = boxOf(grid, area)
  if (box !== undefined) {
    const [left, top] = [Math.max(x(box.from), bbox.left), Math.max(y(box.below), bbox.top)]
    const [right, bottom] = [
      Math.min(x(box.to), bbox.left + bbox.width),
      Math.min(y(Math.max(box.min, 1)), bbox.top + bbox.height),
    ]
    ctx.strokeStyle = palette.token('--text')
    ctx.lineWidth = 1.5 * ratio
    ctx.strokeRect(
      left + ratio,
      top + ratio,
      Math.max(2, right - left - 2 * ratio),
      Math.max(2, bottom - top - 2 * ratio),
    )
  }
  ctx.restore()
}

/** What is selected, in the chart's units; of failed spans there is no area. */
function boxOf(grid: Grid, area: Area | undefined) {
  if (area?.kind === 'slow' && grid.slow !== undefined) {
    return { from: -Infinity, to: Infinity, min: grid.bottom(grid.slow), below: Infinity }
  }
  if (area?.kind !== 'box') return undefined
  const { from, to, min, below } = area
  return { from: from / 1000, to: to / 1000, min: Number(min), below: below === undefined ? Infinity : Number(below) }
}

function Hint(props: Hovered & { grid: Grid; what: string }) {
  const { cell, grid, what, left, top, width } = props
  const [from, to] = [grid.left(cell.column) * 1000, grid.left(cell.column + 1) * 1000]
  const side = left > width / 2 ? { right: width - left + 12 } : { left: left + 12 }
  const low = text(duration(cell.row === 0 ? 0 : Math.round(grid.bottom(cell.row))))
  return (
    <div className="scatter-hint" style={{ top, ...side }}>
      <div className="scatter-hint-name">
        {text(count(cell.spans))} {what}
      </div>
      {cell.errors > 0 && <div className="why-failed">{text(count(cell.errors))} failed</div>}
      <div className="muted">
        {low} to {text(duration(Math.round(grid.top(cell.row))))}, {clock(from)} to {clock(to)}
      </div>
    </div>
  )
}
