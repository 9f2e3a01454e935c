import { readPalette, type Palette } from '../design/palette.ts'
import { shownName } from '../frame/names.ts'
import { duration, text } from '../numbers/format.ts'
import { fit } from '../design/canvas.ts'
import { drawAxis, drawBars, drawMinimap, rowBackground, toTime, type FallState, type Zoom } from './draw.ts'
import type { Node } from './model.ts'
import { rowOf } from './model.ts'
import { heldLabel, heldTitle } from './proxies.ts'
import type { Run } from './runs.ts'

export interface FallParts {
  readonly scroller: HTMLElement
  readonly size: HTMLElement
  readonly rows: HTMLElement
  readonly bars: HTMLCanvasElement
  readonly minimap: HTMLCanvasElement
  readonly axis: HTMLCanvasElement
}

export interface FallEvents {
  select: (index: number) => void
  toggle: (index: number) => void
  closeRun: (index: number) => void
  zoom: (zoom: Zoom) => void
  /** These rows have been on screen for a moment. */
  shown: (nodes: readonly Node[]) => void
}

interface RowParts {
  readonly element: HTMLElement
  readonly twisty: HTMLElement
  readonly swatch: HTMLElement
  readonly error: HTMLElement
  readonly name: HTMLElement
  readonly times: HTMLElement
  readonly held: HTMLElement
  readonly service: HTMLElement
  readonly hidden: HTMLElement
  shown: number
}

const leastNanos = 10
/** Whoever scrolls on looks at nothing. */
const settlesMs = 150
const indentPx = 12
/** Names this narrow have no room for the service on every row. */
const narrowPx = 330

/**
 * The waterfall: names as real rows of a tree, bars on a canvas, both drawn in the same frame. No framework re-renders
 * while one scrolls: a fixed set of rows is filled anew. Names are only ever set as text.
 */
export class Waterfall {
  readonly #parts: FallParts
  readonly #events: FallEvents
  readonly #pool: RowParts[] = []
  readonly #stop = new AbortController()
  readonly #resize: ResizeObserver
  #state: FallState | undefined
  #palette: Palette = readPalette()
  #rowHeight = Number.parseFloat(this.#palette.token('--span-row'))
  #hovered = -1
  #narrow = false
  #brush: readonly [number, number] | undefined
  #frame = 0
  #settled: ReturnType<typeof setTimeout> | undefined
  #rowsShown = ''

  constructor(parts: FallParts, events: FallEvents) {
    this.#parts = parts
    this.#events = events
    const { signal } = this.#stop
    parts.scroller.addEventListener('scroll', () => this.#later(), { signal, passive: true })
    parts.scroller.addEventListener('wheel', (event) => this.#wheel(event), { signal, passive: false })
    parts.rows.addEventListener('click', (event) => this.#clickRow(event), { signal })
    parts.scroller.addEventListener('mousemove', (event) => this.#hover(this.#nodeAt(event)), { signal })
    parts.scroller.addEventListener('mouseleave', () => this.#hover(-1), { signal })
    this.#dragToZoom(parts.bars, () => this.#state?.zoom, true)
    const whole = (): Zoom | undefined => this.#state && { from: 0, to: this.#state.model.length }
    this.#dragToZoom(parts.minimap, whole, false)
    for (const canvas of [parts.bars, parts.minimap]) {
      canvas.addEventListener('dblclick', () => this.#zoomTo(whole()), { signal })
    }
    this.#resize = new ResizeObserver(() => this.#later())
    for (const element of [parts.scroller, parts.bars, parts.minimap]) this.#resize.observe(element)
  }

  /** Shows another state; cheap when little differs. */
  set(state: FallState): void {
    if (state.model !== this.#state?.model) this.#rowsShown = ''
    this.#state = state
    this.#parts.size.style.height = `${state.rows.length * this.#rowHeight}px`
    this.refill()
  }

  /** More is known of the spans on screen. */
  refill(): void {
    for (const row of this.#pool) row.shown = -1
    this.#later()
  }

  /** The theme has changed. */
  repaint(): void {
    this.#palette = readPalette()
    this.#rowHeight = Number.parseFloat(this.#palette.token('--span-row'))
    this.#later()
  }

  /** Brings a node's row into view, into the middle when it was outside. */
  reveal(index: number): void {
    const state = this.#state
    if (state === undefined) return
    const { scroller } = this.#parts
    const top = rowOf(state.rows, index) * this.#rowHeight
    const height = scroller.clientHeight
    if (top < scroller.scrollTop || top + this.#rowHeight > scroller.scrollTop + height) {
      scroller.scrollTop = top - height / 2 + this.#rowHeight / 2
    }
    this.#later()
  }

  close(): void {
    this.#stop.abort()
    this.#resize.disconnect()
    cancelAnimationFrame(this.#frame)
    clearTimeout(this.#settled)
    this.#parts.rows.replaceChildren()
  }

  #later(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#draw())
  }

  #draw(): void {
    this.#frame = 0
    const state = this.#state
    if (state === undefined) return
    const { scroller, bars, minimap, axis } = this.#parts
    const top = scroller.scrollTop
    const height = scroller.clientHeight
    const ratio = devicePixelRatio
    this.#fillRows(state, top, height)
    const area = fit(bars, ratio)
    const rowHeight = this.#rowHeight
    drawBars(
      area.ctx,
      state,
      { ...area.size, rowHeight, top, hovered: this.#hovered, brush: this.#brush },
      this.#palette,
    )
    const strip = fit(minimap, ratio)
    const view = { from: top / rowHeight, to: Math.min(state.rows.length, (top + height) / rowHeight) }
    drawMinimap(strip.ctx, state, strip.size, this.#palette, view)
    const ruler = fit(axis, ratio)
    drawAxis(ruler.ctx, state.zoom, ruler.size, this.#palette)
  }

  #fillRows(state: FallState, top: number, height: number): void {
    const first = Math.floor(top / this.#rowHeight)
    const many = Math.ceil(height / this.#rowHeight) + 1
    const narrow = this.#parts.rows.clientWidth < narrowPx
    if (narrow !== this.#narrow) for (const row of this.#pool) row.shown = -1
    this.#narrow = narrow
    while (this.#pool.length < many) this.#pool.push(makeRow(this.#parts.rows))
    this.#parts.rows.style.transform = `translateY(${first * this.#rowHeight - top}px)`
    this.#tellShown(state, first, many)
    let active = ''
    this.#pool.forEach((row, i) => {
      const at = i < many ? (state.rows[first + i] ?? -1) : -1
      const node = state.model.nodes.at(at)
      row.element.hidden = node === undefined
      if (node === undefined) return
      if (row.shown !== at) fillRow(row, node, state, narrow)
      const back = rowBackground(state, at, at === this.#hovered)
      row.element.style.background = back === undefined ? '' : `var(${back})`
      if (at === state.selected) active = row.element.id
    })
    if (active === '') this.#parts.scroller.removeAttribute('aria-activedescendant')
    else this.#parts.scroller.setAttribute('aria-activedescendant', active)
  }

  #tellShown({ model, rows }: FallState, first: number, many: number): void {
    const shown = `${rows.length} ${first} ${many}`
    if (shown === this.#rowsShown) return
    this.#rowsShown = shown
    clearTimeout(this.#settled)
    this.#settled = setTimeout(() => {
      const nodes = Array.from(rows.subarray(first, first + many), (at) => model.nodes.at(at))
      this.#events.shown(nodes.filter((node) => node !== undefined))
    }, settlesMs)
  }

  #nodeAt(event: MouseEvent): number {
    const state = this.#state
    if (state === undefined) return -1
    const { scroller } = this.#parts
    const y = event.clientY - scroller.getBoundingClientRect().top + scroller.scrollTop
    return state.rows[Math.floor(y / this.#rowHeight)] ?? -1
  }

  #hover(index: number): void {
    if (index === this.#hovered) return
    this.#hovered = index
    this.#later()
  }

  #clickRow(event: MouseEvent): void {
    const index = this.#nodeAt(event)
    if (index < 0) return
    const onRun = event.target instanceof Element && event.target.closest('.fall-hidden[data-run]') !== null
    const onTwisty = event.target instanceof Element && event.target.closest('.fall-twisty') !== null
    if (onRun) this.#events.closeRun(index)
    else if (onTwisty) this.#events.toggle(index)
    else this.#events.select(index)
  }

  #wheel(event: WheelEvent): void {
    const state = this.#state
    if (state === undefined || event.target !== this.#parts.bars) return
    const width = this.#parts.bars.clientWidth
    const { from, to } = state.zoom
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault()
      const at = toTime(event.offsetX, state.zoom, width)
      const factor = Math.exp(event.deltaY * 0.004)
      this.#zoomTo({ from: at - (at - from) * factor, to: at + (to - at) * factor })
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault()
      const moved = ((event.deltaX === 0 ? event.deltaY : event.deltaX) / width) * (to - from)
      const by = Math.max(-from, Math.min(state.model.length - to, moved))
      this.#zoomTo({ from: from + by, to: to + by })
    }
  }

  #zoomTo(zoom: Zoom | undefined): void {
    const length = this.#state?.model.length
    if (zoom === undefined || length === undefined) return
    const from = Math.max(0, Math.min(zoom.from, length - leastNanos))
    this.#events.zoom({ from, to: Math.max(from + Math.min(leastNanos, length), Math.min(length, zoom.to)) })
  }

  #dragToZoom(canvas: HTMLCanvasElement, scale: () => Zoom | undefined, selects: boolean): void {
    const { signal } = this.#stop
    let start: number | undefined
    canvas.addEventListener(
      'pointerdown',
      (event) => {
        if (event.button !== 0) return
        start = event.offsetX
        canvas.setPointerCapture(event.pointerId)
      },
      { signal },
    )
    canvas.addEventListener(
      'pointermove',
      (event) => {
        if (start === undefined || Math.abs(event.offsetX - start) < 4) return
        // The strip's scale is the whole trace, the bars' the zoom: both are shown as a stretch of the bars.
        this.#brush = selects ? [start, event.offsetX] : undefined
        const zoom = scale()
        if (!selects && zoom !== undefined) this.#zoomBetween(start, event.offsetX, zoom, canvas.clientWidth)
        this.#later()
      },
      { signal },
    )
    canvas.addEventListener(
      'pointerup',
      (event) => {
        const zoom = scale()
        if (start === undefined || zoom === undefined) return
        if (Math.abs(event.offsetX - start) >= 4) this.#zoomBetween(start, event.offsetX, zoom, canvas.clientWidth)
        else if (selects) {
          const index = this.#nodeAt(event)
          if (index >= 0) this.#events.select(index)
        }
        start = undefined
        this.#brush = undefined
        this.#later()
      },
      { signal },
    )
  }

  #zoomBetween(a: number, b: number, zoom: Zoom, width: number): void {
    this.#zoomTo({ from: toTime(Math.min(a, b), zoom, width), to: toTime(Math.max(a, b), zoom, width) })
  }
}

let rowIds = 0

function makeRow(parent: HTMLElement): RowParts {
  const make = (tag: string, className: string): HTMLElement => {
    const element = document.createElement(tag)
    element.className = className
    return element
  }
  const element = make('div', 'fall-row')
  element.id = `fall-row-${rowIds++}`
  element.role = 'treeitem'
  const parts = {
    element,
    twisty: make('span', 'fall-twisty'),
    swatch: make('span', 'swatch'),
    error: make('span', 'fall-error'),
    name: make('bdi', 'fall-name'),
    times: make('span', 'fall-times'),
    held: make('span', 'fall-held'),
    service: make('bdi', 'fall-service'),
    hidden: make('span', 'fall-hidden'),
    shown: -1,
  }
  const label = make('span', 'fall-label')
  label.append(parts.name, parts.held, parts.service)
  element.append(parts.twisty, parts.swatch, parts.error, label, parts.times, parts.hidden)
  parent.append(element)
  return parts
}

function fillRow(row: RowParts, node: Node, state: FallState, narrow: boolean): void {
  const { element, twisty, swatch, error, name, held, service, hidden } = row
  const { isGhost } = node
  const run = state.runs.get(node.index)
  const opened = run === undefined ? state.runOf.byFirst.get(node.index) : undefined
  const closed = run !== undefined || (node.children > 0 && state.closed.has(node.id))
  const foldable = run !== undefined || node.children > 0
  const failed = run === undefined ? node.failed : run.errors > 0
  row.shown = node.index
  // Deep chains would leave no room for names: beyond 16 levels the depth stands as a number instead.
  const level = Math.min(node.depth, 16)
  element.style.paddingInlineStart = `${4 + level * indentPx}px`
  twisty.dataset['fold'] = !foldable ? 'none' : closed ? 'closed' : 'open'
  swatch.hidden = isGhost
  swatch.style.background = isGhost ? '' : `var(--service-${node.colour})`
  error.hidden = !failed
  error.textContent = '!'
  if (run !== undefined) error.title = `${run.errors} of ${run.calls} failed`
  else if (!node.error) error.title = 'Failed at its proxy'
  else {
    const said = state.model.sent.of(node)?.span.status.message ?? ''
    error.title = said === '' ? 'Error' : `Error: ${said}`
  }
  const label = isGhost ? `Parent ${node.id} not received` : shownName(node.name)
  row.times.textContent = run === undefined ? '' : `× ${run.calls.toLocaleString('en-US')}`
  name.textContent = node.depth > 16 ? `${node.depth} · ${label}` : label
  held.textContent = run === undefined ? heldLabel(node) : ''
  held.title = heldTitle(node)
  name.dataset['ghost'] = String(isGhost)
  // Where there is little room, a service is named where it begins: at a span whose parent belongs to another.
  const above = state.model.nodes.at(node.parent)
  service.textContent = narrow && above !== undefined && above.service === node.service ? '' : node.service
  // The first of an opened run holds what closes it again.
  if (opened === undefined) delete hidden.dataset['run']
  else hidden.dataset['run'] = 'open'
  hidden.title = opened === undefined ? '' : 'Fold the run ([)'
  hidden.textContent =
    opened !== undefined
      ? `× ${opened.calls.toLocaleString('en-US')}`
      : closed && run === undefined
        ? `+${node.end - node.index - 1}`
        : ''
  element.title = isGhost ? label : `${node.service}: ${label}`
  element.setAttribute('aria-level', String(node.depth + 1))
  element.setAttribute('aria-posinset', String(node.place))
  element.setAttribute('aria-setsize', String(node.siblings))
  if (!foldable) element.removeAttribute('aria-expanded')
  else element.setAttribute('aria-expanded', String(!closed))
  element.setAttribute('aria-selected', String(node.index === state.selected))
  element.setAttribute('aria-label', run === undefined ? spoken(node, label) : spokenRun(node, run, label))
  element.dataset['span'] = node.id
}

function spokenRun(node: Node, run: Run, label: string): string {
  const errors = run.errors > 0 ? `, ${run.errors} with an error` : ''
  return `${node.service}: ${label}, ${run.calls} times, ${text(duration(Math.round(run.total)))} together${errors}`
}

function spoken(node: Node, label: string): string {
  if (node.isGhost) return label
  return [
    `${node.service}: ${label}`,
    node.invalidTimes ? 'times make no sense' : text(duration(node.duration)),
    ...(node.failed ? ['error'] : []),
    ...(node.held.length > 0 ? [heldTitle(node)] : []),
  ].join(', ')
}
