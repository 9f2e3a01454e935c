import type { Palette } from '../design/palette.ts'
import { duration, text } from '../numbers/format.ts'
import { ticks } from './axis.ts'
import { flag } from './columns.ts'
import type { Node, TraceModel } from './model.ts'
import { heldExtent } from './proxies.ts'
import type { Run, Runs } from './runs.ts'

/** The stretch of the trace's time that is on screen, in nanoseconds after its start. */
export interface Zoom {
  readonly from: number
  readonly to: number
}

/** What the waterfall shows; a new object for every change. */
export interface FallState {
  readonly model: TraceModel
  readonly rows: Int32Array
  readonly closed: ReadonlySet<string>
  /** The runs of calls that are one row, by their first node; all of them. */
  readonly runs: ReadonlyMap<number, Run>
  readonly runOf: Runs
  /** Node index, -1 for none. */
  readonly selected: number
  /** 1 for each node that was searched for, and for runs of such. */
  readonly matches: Uint8Array
  readonly critical: boolean
  readonly zoom: Zoom
}

export interface Frame {
  readonly width: number
  readonly height: number
  readonly ratio: number
  readonly rowHeight: number
  /** Pixels that the rows are scrolled by. */
  readonly top: number
  readonly hovered: number
  /** Pixels being dragged over, to zoom into. */
  readonly brush: readonly [number, number] | undefined
}

export const sidePadding = 8
/** Kept free at the right for the duration of a bar that ends there. */
export const labelSpace = 64

export const toX = (at: number, zoom: Zoom, width: number): number =>
  sidePadding + ((at - zoom.from) / (zoom.to - zoom.from)) * (width - sidePadding - labelSpace)

export const toTime = (x: number, zoom: Zoom, width: number): number =>
  zoom.from + ((x - sidePadding) / (width - sidePadding - labelSpace)) * (zoom.to - zoom.from)

/** How much time is on screen at either side of the zoom. */
const marginOf = ({ from, to }: Zoom, width: number): number =>
  ((to - from) * (labelSpace + 2 * sidePadding)) / Math.max(1, width - labelSpace - sidePadding)

export const tickCount = (width: number): number => Math.max(2, Math.floor(width / 110))

/** Draws the bars of the rows on screen. */
export function drawBars(ctx: CanvasRenderingContext2D, state: FallState, frame: Frame, palette: Palette): void {
  const { width, height, ratio, rowHeight, top } = frame
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0)
  ctx.clearRect(0, 0, width, height)
  ctx.font = `${palette.token('--text-tiny')} ${palette.token('--font')}`
  ctx.textBaseline = 'middle'
  const first = Math.max(0, Math.floor(top / rowHeight))
  const last = Math.min(state.rows.length - 1, Math.floor((top + height) / rowHeight))
  const { nodes } = state.model

  for (let row = first; row <= last; row++) {
    const index = state.rows[row] ?? -1
    const back = rowBackground(state, index, frame.hovered === index)
    if (back === undefined) continue
    ctx.fillStyle = palette.token(back)
    ctx.fillRect(0, row * rowHeight - top, width, rowHeight)
  }
  ctx.fillStyle = palette.token('--grid')
  for (const tick of ticks(state.zoom.from, state.zoom.to, tickCount(width))) {
    ctx.fillRect(Math.round(toX(tick.at, state.zoom, width)), 0, 1, height)
  }
  for (let row = first; row <= last; row++) {
    const node = nodes.at(state.rows[row] ?? -1)
    const run = state.runs.get(node?.index ?? -1)
    if (run !== undefined) drawRun(ctx, run, row * rowHeight - top, state, frame, palette)
    else if (node !== undefined) drawBar(ctx, node, row * rowHeight - top, state, frame, palette)
  }
  if (state.critical) drawCritical(ctx, state, frame, palette, first, last)
  if (frame.brush !== undefined) {
    const [a, b] = frame.brush
    ctx.fillStyle = palette.token('--brush')
    ctx.fillRect(Math.min(a, b), 0, Math.abs(b - a), height)
  }
}

/** The token of a row's background, the same for its name and its bar. */
export function rowBackground(state: FallState, index: number, hovered: boolean): string | undefined {
  if (index === state.selected) return '--bg-selected'
  if (state.matches[index] === 1) return '--match'
  return hovered ? '--bg-hover' : undefined
}

function drawBar(
  ctx: CanvasRenderingContext2D,
  node: Node,
  y: number,
  state: FallState,
  frame: Frame,
  palette: Palette,
): void {
  const { width, rowHeight } = frame
  const { zoom } = state
  const barHeight = Math.round(rowHeight / 2)
  const barTop = y + (rowHeight - barHeight) / 2
  const x = toX(node.start, zoom, width)
  const right = toX(node.stop, zoom, width)
  const [left, long] = [Math.max(-4, x), Math.min(width + 4, right) - Math.max(-4, x)]
  const ghost = node.isGhost || node.invalidTimes
  const shown = Math.max(long, ghost ? 8 : 2)
  const dim = state.critical && !node.onCriticalPath
  const labelled = ghost ? '' : text(duration(node.duration))

  const held = drawHeld(ctx, node, y + rowHeight / 2, state, width, palette)
  if (right >= -2 && x <= width + 2) {
    ctx.globalAlpha = dim ? 0.35 : 1
    if (ghost) {
      ctx.strokeStyle = palette.token('--ghost')
      ctx.setLineDash([3, 3])
      ctx.strokeRect(left + 0.5, barTop + 0.5, shown, barHeight - 1)
      ctx.setLineDash([])
    } else {
      ctx.fillStyle = palette.services[node.colour] ?? ''
      ctx.beginPath()
      ctx.roundRect(left, barTop, shown, barHeight, Math.min(2, shown / 2))
      ctx.fill()
      if (node.failed) {
        ctx.fillStyle = palette.token('--error')
        ctx.fillRect(left, barTop + barHeight, Math.max(shown, 4), 2)
      }
      drawEvents(ctx, node, barTop, barHeight, state, width, palette)
    }
    ctx.globalAlpha = 1
    if (node.index === state.selected) drawSkew(ctx, node, barTop, barHeight, state, width, palette)
  }
  drawLabel(
    ctx,
    labelled,
    node,
    Math.max(x, 0),
    Math.max(right, left + shown, held),
    y + rowHeight / 2,
    dim,
    width,
    palette,
  )
}

/** The time of the proxies' spans that are folded into a bar: a line with ends, behind it. Returns where it ends. */
function drawHeld(
  ctx: CanvasRenderingContext2D,
  node: Node,
  middle: number,
  { zoom }: FallState,
  width: number,
  palette: Palette,
): number {
  const extent = heldExtent(node)
  if (extent === undefined) return -Infinity
  const [from, to] = extent.map((at) => Math.min(width + 4, Math.max(-4, toX(at, zoom, width)))) as [number, number]
  ctx.fillStyle = palette.services[node.colour] ?? ''
  ctx.globalAlpha = 0.6
  ctx.fillRect(from, middle - 0.5, to - from, 1)
  for (const at of [from, to]) ctx.fillRect(at - 0.5, middle - 3, 1, 6)
  ctx.globalAlpha = 1
  return to
}

const halfPixel = 0.5

/** The calls of a run in one row, the gaps between them left free, failed ones marked. */
function drawRun(
  ctx: CanvasRenderingContext2D,
  run: Run,
  y: number,
  state: FallState,
  { width, rowHeight }: Frame,
  palette: Palette,
): void {
  const { zoom, model } = state
  const barHeight = Math.round(rowHeight / 2)
  const barTop = y + (rowHeight - barHeight) / 2
  const colour = palette.services[model.nodes.at(run.first)?.colour ?? -1] ?? ''
  const [left, right] = [
    toX(run.start, zoom, width),
    Math.max(toX(run.stop, zoom, width), toX(run.start, zoom, width) + 2),
  ]
  ctx.fillStyle = palette.token('--line-strong')
  ctx.fillRect(Math.max(-4, left), y + rowHeight / 2 - 0.5, Math.min(width + 4, right) - Math.max(-4, left), 1)
  const onPath = !state.critical || run.onPath
  ctx.globalAlpha = onPath ? 1 : 0.35
  let drawn = -1
  let marked = -1
  const margin = marginOf(zoom, width)
  // By columns: a run of a million calls is drawn in each frame.
  const { start, duration: lengths, end, flags } = model.nodes.columns
  for (let at = run.first, after = at; at < run.end; at = after) {
    after = end[at] ?? run.end
    const begin = start[at] ?? 0
    const length = lengths[at] ?? 0
    if (begin > zoom.to + margin) break
    if (begin + length < zoom.from - margin) continue
    const from = Math.max(-4, toX(begin, zoom, width))
    const to = Math.min(width + 4, Math.max(toX(begin + length, zoom, width), from + 1))
    if (to < 0 || from > width) continue
    if (((flags[at] ?? 0) & flag.failed) !== 0 && to >= marked + halfPixel) {
      ctx.fillStyle = palette.token('--error')
      ctx.fillRect(from, barTop + barHeight, Math.max(to - from, 4), 2)
      marked = to
    }
    // Calls that end within the pixel that is drawn already would change nothing.
    if (to < drawn + halfPixel) continue
    ctx.fillStyle = colour
    ctx.fillRect(Math.max(from, drawn), barTop, to - Math.max(from, drawn), barHeight)
    drawn = to
  }
  ctx.globalAlpha = 1
  const node = model.nodes.at(run.first)
  const said = text(duration(Math.round(run.total)))
  if (node !== undefined)
    drawLabel(ctx, said, node, Math.max(left, 0), right, y + rowHeight / 2, !onPath, width, palette)
}

function drawLabel(
  ctx: CanvasRenderingContext2D,
  label: string,
  node: Node,
  left: number,
  right: number,
  middle: number,
  dim: boolean,
  width: number,
  palette: Palette,
): void {
  const said = label === '' ? (node.isGhost ? 'not received' : 'times make no sense') : label
  ctx.fillStyle = palette.token(dim ? '--text-faint' : '--text-muted')
  if (right < 0) {
    ctx.textAlign = 'left'
    ctx.fillText(`‹ ${said}`, 4, middle)
  } else if (left > width) {
    ctx.textAlign = 'right'
    ctx.fillText(`${said} ›`, width - 4, middle)
  } else {
    const wide = ctx.measureText(said).width
    const fitsRight = right + 6 + wide <= width - 2
    const fitsLeft = left - 6 - wide >= 2
    if (!fitsRight && !fitsLeft) {
      ctx.textAlign = 'right'
      const at = Math.min(right, width) - 6
      ctx.fillStyle = palette.token('--bg')
      ctx.beginPath()
      ctx.roundRect(at - wide - 3, middle - 6, wide + 6, 12, 2)
      ctx.fill()
      ctx.fillStyle = palette.token('--text')
      ctx.fillText(said, at, middle)
    } else {
      ctx.textAlign = fitsRight ? 'left' : 'right'
      ctx.fillText(said, fitsRight ? right + 6 : left - 6, middle)
    }
  }
  ctx.textAlign = 'left'
}

function drawEvents(
  ctx: CanvasRenderingContext2D,
  node: Node,
  top: number,
  height: number,
  state: FallState,
  width: number,
  palette: Palette,
): void {
  const events = state.model.sent.of(node)?.span.events ?? []
  if (events.length === 0) return
  const { shift } = node
  let drawn = -1
  for (const event of events.slice(0, 1000)) {
    const x = toX(Number(BigInt(event.timeUnixNano) - state.model.startNanos) + shift, state.zoom, width)
    // Events closer than a pixel look like one.
    if (x < 0 || x > width || Math.abs(x - drawn) < 1) continue
    drawn = x
    const middle = top + height / 2
    ctx.fillStyle = palette.token('--bg')
    diamond(ctx, x, middle, 5)
    ctx.fillStyle = palette.token(event.name === 'exception' ? '--error' : '--text')
    diamond(ctx, x, middle, 3.5)
  }
}

function diamond(ctx: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  ctx.beginPath()
  ctx.moveTo(x, y - size)
  ctx.lineTo(x + size, y)
  ctx.lineTo(x, y + size)
  ctx.lineTo(x - size, y)
  ctx.closePath()
  ctx.fill()
}

/** Where the span would lie on its parent's clock: a dashed outline, never a moved bar. */
function drawSkew(
  ctx: CanvasRenderingContext2D,
  node: Node,
  top: number,
  height: number,
  state: FallState,
  width: number,
  palette: Palette,
): void {
  const { skew } = node
  if (skew === 0 || state.model.answer.clocks === 'corrected') return
  const x = toX(node.start + skew, state.zoom, width)
  const right = toX(node.stop + skew, state.zoom, width)
  ctx.strokeStyle = palette.token('--text-muted')
  ctx.setLineDash([3, 2])
  ctx.strokeRect(x + 0.5, top - 1.5, Math.max(2, right - x), height + 3)
  ctx.setLineDash([])
}

/** Lines between rows that stand closer than so many pixels make an area that says nothing. */
const leastBetween = 4

/** A stretch of the path on screen. */
interface Stretch {
  readonly from: number
  readonly to: number
  readonly y: number
}

function drawCritical(
  ctx: CanvasRenderingContext2D,
  state: FallState,
  frame: Frame,
  palette: Palette,
  first: number,
  last: number,
): void {
  const { zoom } = state
  const { width, rowHeight, top } = frame
  const stretches: Stretch[] = []
  for (let row = first; row <= last; row++) {
    const node = state.rows[row] ?? -1
    stretches.push(...stretchesOf(state, node, row * rowHeight - top + rowHeight * 0.75, width))
  }
  stretches.sort((a, b) => a.from - b.from)
  ctx.fillStyle = palette.token('--critical')
  let before: Stretch | undefined
  let joint = -Infinity
  for (const { from, to, y } of stretches) {
    const x = toX(from, zoom, width)
    ctx.fillRect(x, y - 1, Math.max(1, toX(to, zoom, width) - x), 3)
    if (before?.to === from && before.y !== y && x >= joint + leastBetween) {
      joint = x
      const [upper, lower] = [Math.min(before.y, y), Math.max(before.y, y)]
      // Only a hint of where it goes on: full lines would hide the durations beside the bars.
      ctx.globalAlpha = 0.25
      ctx.fillRect(Math.round(x), upper + 2, 1, lower - upper - 3)
      ctx.globalAlpha = 1
    }
    before = { from, to, y }
  }
}

/** Those of a row, of a closed run those of all its calls, which are a million in some: of what shares a pixel the first. */
function* stretchesOf({ model, runs, zoom }: FallState, node: number, y: number, width: number): Generator<Stretch> {
  const { first, from: starts, to: ends } = model.nodes.columns.critical
  const pixel = (zoom.to - zoom.from) / width
  const margin = marginOf(zoom, width)
  let drawn = -Infinity
  for (let at = first[node] ?? 0; at < (first[runs.get(node)?.end ?? node + 1] ?? 0); at++) {
    const [from, to] = [starts[at] ?? 0, ends[at] ?? 0]
    if (to < zoom.from - margin || from > zoom.to + margin || to < drawn + pixel) continue
    drawn = to
    yield { from, to, y }
  }
}

/** The whole trace in a strip: every node a line, the zoom bright, the rows on screen marked. */
export function drawMinimap(
  ctx: CanvasRenderingContext2D,
  state: FallState,
  size: { readonly width: number; readonly height: number; readonly ratio: number },
  palette: Palette,
  view: { readonly from: number; readonly to: number },
): void {
  const { width, height, ratio } = size
  const whole = { from: 0, to: state.model.length }
  const { nodes } = state.model
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0)
  ctx.clearRect(0, 0, width, height)
  const many = state.rows.length
  const pitch = Math.min(3, (height - 8) / Math.max(1, many))
  // A strip of 50 pixels shows no more than some hundred lines: of very many rows, every so many-th is enough.
  const step = Math.max(1, Math.floor(many / 4000))
  for (let row = 0; row < many; row += step) {
    const node = nodes.at(state.rows[row] ?? -1)
    if (node === undefined || node.isGhost) continue
    const x = toX(node.start, whole, width)
    const run = state.runs.get(node.index)
    ctx.fillStyle = (run === undefined ? node.failed : run.errors > 0)
      ? palette.token('--error')
      : (palette.services[node.colour] ?? '')
    ctx.fillRect(
      x,
      4 + row * pitch,
      Math.max(1, toX(run?.stop ?? node.stop, whole, width) - x),
      Math.max(1, pitch - 0.5),
    )
  }
  if (view.from > 0 || view.to < many) {
    ctx.fillStyle = palette.token('--brush')
    ctx.fillRect(0, 4 + view.from * pitch, width, Math.max(2, (view.to - view.from) * pitch))
  }
  const [left, right] = [toX(state.zoom.from, whole, width), toX(state.zoom.to, whole, width)]
  if (left > sidePadding + 0.5 || right < width - labelSpace - 0.5) {
    ctx.fillStyle = palette.token('--veil')
    ctx.fillRect(0, 0, left, height)
    ctx.fillRect(right, 0, width - right, height)
    ctx.fillStyle = palette.token('--accent')
    ctx.fillRect(left - 1, 0, 2, height)
    ctx.fillRect(right - 1, 0, 2, height)
  }
}

/** The time axis above the bars. */
export function drawAxis(
  ctx: CanvasRenderingContext2D,
  zoom: Zoom,
  size: { readonly width: number; readonly height: number; readonly ratio: number },
  palette: Palette,
): void {
  const { width, height, ratio } = size
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0)
  ctx.clearRect(0, 0, width, height)
  ctx.font = `${palette.token('--text-tiny')} ${palette.token('--font')}`
  ctx.textBaseline = 'middle'
  for (const tick of ticks(zoom.from, zoom.to, tickCount(width))) {
    const x = Math.round(toX(tick.at, zoom, width))
    ctx.fillStyle = palette.token('--line-strong')
    ctx.fillRect(x, height - 5, 1, 5)
    ctx.fillStyle = palette.token('--text-faint')
    ctx.fillText(tick.label, x + 4, height / 2)
  }
}
