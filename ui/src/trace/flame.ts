import { cut, fit } from '../design/canvas.ts'
import { readPalette, type Palette } from '../design/palette.ts'
import { colourIndex } from '../colour/service.ts'
import { shownName } from '../frame/names.ts'
import { duration, text } from '../numbers/format.ts'
import type { Figures } from './figures.ts'
import { blockAt, firstUpTo, type Icicle } from './icicle.ts'

/** What the flame graph shows; a new object for every change. */
export interface FlameState {
  readonly icicle: Icicle
  readonly figures: Figures
  /** Block of the selected span, -1 for none. */
  readonly selected: number
  /** Block that fills the width, -1 for the whole. */
  readonly focus: number
  /** 1 for blocks with a span that was searched for; undefined where nothing is searched for. */
  readonly matches: Uint8Array | undefined
}

export interface FlameEvents {
  select: (block: number) => void
  zoom: (block: number) => void
}

export interface FlameParts {
  readonly scroller: HTMLElement
  readonly size: HTMLElement
  readonly canvas: HTMLCanvasElement
}

const sidePadding = 8
/** What is left free of a row above the next, and between neighbours. */
const seam = 1
const leastNamed = 24

/** The flame graph on a canvas: only the levels on screen are drawn, and of them only what is as wide as a pixel. */
export class Flame {
  readonly #parts: FlameParts
  readonly #events: FlameEvents
  readonly #stop = new AbortController()
  readonly #resize: ResizeObserver
  #palette: Palette = readPalette()
  #rowHeight = Number.parseFloat(this.#palette.token('--span-row'))
  #state: FlameState | undefined
  #hovered = -1
  #frame = 0

  constructor(parts: FlameParts, events: FlameEvents) {
    this.#parts = parts
    this.#events = events
    const { signal } = this.#stop
    const { canvas, scroller } = parts
    scroller.addEventListener('scroll', () => this.#later(), { signal, passive: true })
    canvas.addEventListener('pointermove', (event) => this.#hover(this.#blockAt(event)), { signal })
    canvas.addEventListener('pointerleave', () => this.#hover(-1), { signal })
    const on = (name: 'click' | 'dblclick', act: (block: number) => void): void =>
      canvas.addEventListener(
        name,
        (event) => {
          const block = this.#blockAt(event)
          if (block >= 0) act(block)
        },
        { signal },
      )
    on('click', (block) => this.#events.select(block))
    on('dblclick', (block) => this.#events.zoom(block))
    this.#resize = new ResizeObserver(() => this.#later())
    this.#resize.observe(scroller)
    this.#resize.observe(canvas)
  }

  set(state: FlameState): void {
    this.#state = state
    this.#parts.size.style.height = `${(state.icicle.levels.length - 1) * this.#rowHeight + sidePadding}px`
    this.#later()
  }

  repaint(): void {
    this.#palette = readPalette()
    this.#later()
  }

  /** Scrolls to a block's level. */
  reveal(block: number): void {
    const { scroller } = this.#parts
    const top = (this.#state?.icicle.depth[block] ?? 0) * this.#rowHeight
    if (top < scroller.scrollTop || top + this.#rowHeight > scroller.scrollTop + scroller.clientHeight) {
      scroller.scrollTop = top - scroller.clientHeight / 2
    }
    this.#later()
  }

  close(): void {
    this.#stop.abort()
    this.#resize.disconnect()
    cancelAnimationFrame(this.#frame)
  }

  #later(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#draw())
  }

  #hover(block: number): void {
    if (block === this.#hovered) return
    this.#hovered = block
    const { canvas } = this.#parts
    canvas.dataset['over'] = String(block >= 0)
    canvas.title = block < 0 || this.#state === undefined ? '' : blockText(this.#state, block)
    this.#later()
  }

  /** The icicle's stretch on screen. */
  #range({ icicle, focus }: FlameState): { from: number; scale: number } {
    const room = Math.max(1, this.#parts.canvas.clientWidth - 2 * sidePadding)
    const [from, wide] = focus < 0 ? [0, icicle.width] : [icicle.left[focus] ?? 0, icicle.wide[focus] ?? 1]
    return { from, scale: room / Math.max(1, wide) }
  }

  #blockAt(event: MouseEvent): number {
    const state = this.#state
    if (state === undefined) return -1
    const { from, scale } = this.#range(state)
    const level = Math.floor((event.offsetY + this.#parts.scroller.scrollTop) / this.#rowHeight)
    return blockAt(state.icicle, level, from + (event.offsetX - sidePadding) / scale)
  }

  #draw(): void {
    this.#frame = 0
    const state = this.#state
    if (state === undefined) return
    const { icicle } = state
    const { ctx, size } = fit(this.#parts.canvas, devicePixelRatio)
    const top = this.#parts.scroller.scrollTop
    ctx.setTransform(size.ratio, 0, 0, size.ratio, 0, 0)
    ctx.clearRect(0, 0, size.width, size.height)
    ctx.font = `${this.#palette.token('--text-small')} ${this.#palette.token('--font')}`
    ctx.textBaseline = 'middle'
    const { from, scale } = this.#range(state)
    const to = from + (size.width - 2 * sidePadding) / scale
    const levels = icicle.levels.length - 1
    const last = Math.min(levels - 1, Math.floor((top + size.height) / this.#rowHeight))
    for (let level = Math.floor(top / this.#rowHeight); level <= last; level++) {
      const y = level * this.#rowHeight - top
      let drawn = -1
      for (let at = firstUpTo(icicle, level, from); at < (icicle.levels[level + 1] ?? 0); at++) {
        const block = icicle.order[at] ?? 0
        const left = icicle.left[block] ?? 0
        if (left >= to) break
        const x = sidePadding + (Math.max(left, from) - from) * scale
        const right = sidePadding + (Math.min(left + (icicle.wide[block] ?? 0), to) - from) * scale
        // Of blocks within one pixel one is seen, the first and widest.
        if (right <= drawn || right < sidePadding) continue
        this.#drawBlock(ctx, state, block, x, Math.max(right, x + 1), y)
        drawn = Math.max(Math.ceil(x + 1), right)
      }
    }
  }

  #drawBlock(
    ctx: CanvasRenderingContext2D,
    state: FlameState,
    block: number,
    x: number,
    right: number,
    y: number,
  ): void {
    const palette = this.#palette
    const { icicle, figures, matches } = state
    const operation = figures.operations[icicle.operation[block] ?? -1]
    const wide = Math.max(1, right - x - seam)
    const high = this.#rowHeight - seam
    const dim = matches !== undefined && matches[block] !== 1
    ctx.fillStyle =
      operation === undefined ? palette.token('--ghost') : (palette.services[colourIndex(operation.service)] ?? '')
    // Pale under the name, so that any colour leaves it legible; the full colour stands at the edge.
    ctx.globalAlpha = dim ? 0.08 : block === this.#hovered ? 0.45 : 0.28
    ctx.fillRect(x, y, wide, high)
    ctx.globalAlpha = dim ? 0.3 : 1
    ctx.fillRect(x, y, Math.min(3, wide), high)
    if ((icicle.errors[block] ?? 0) > 0) {
      ctx.fillStyle = palette.token('--error')
      ctx.fillRect(x, y + high - 2, wide, 2)
    }
    ctx.globalAlpha = 1
    if (block === state.selected) {
      ctx.strokeStyle = palette.token('--accent')
      ctx.lineWidth = 2
      ctx.strokeRect(x + 1, y + 1, Math.max(1, wide - 2), high - 2)
    }
    if (wide < leastNamed) return
    const many = icicle.spans[block] ?? 0
    const failed = (icicle.errors[block] ?? 0) > 0 ? '! ' : ''
    const name = `${failed}${nameOf(state, block)}${many > 1 ? ` × ${many.toLocaleString('en-US')}` : ''}`
    ctx.fillStyle = palette.token(dim ? '--text-faint' : '--text')
    const shown = cut(ctx, name, wide - 12)
    ctx.fillText(shown, x + 8, y + high / 2)
    const used = ctx.measureText(shown).width + 24
    const time = text(duration(Math.round(icicle.work[block] ?? 0)))
    if (used + ctx.measureText(time).width + 8 > wide) return
    ctx.fillStyle = palette.token(dim ? '--text-faint' : '--text-muted')
    ctx.textAlign = 'right'
    ctx.fillText(time, x + wide - 6, y + high / 2)
    ctx.textAlign = 'left'
  }
}

export function nameOf({ icicle, figures }: Pick<FlameState, 'icicle' | 'figures'>, block: number): string {
  const operation = figures.operations[icicle.operation[block] ?? -1]
  if (operation === undefined) return 'Parent not received'
  return shownName(operation.name)
}

/** A block in words: for hover and for those who do not see it. */
export function blockText({ icicle, figures }: Pick<FlameState, 'icicle' | 'figures'>, block: number): string {
  const operation = figures.operations[icicle.operation[block] ?? -1]
  const [spans, errors] = [icicle.spans[block] ?? 0, icicle.errors[block] ?? 0]
  const name = nameOf({ icicle, figures }, block)
  return [
    operation === undefined ? name : `${operation.service}: ${name}`,
    `${spans.toLocaleString('en-US')} ${spans === 1 ? 'span' : 'spans'}`,
    ...(errors > 0 ? [`${errors} with an error`] : []),
    `work ${text(duration(Math.round(icicle.work[block] ?? 0)))}`,
    `own ${text(duration(Math.round(icicle.self[block] ?? 0)))}`,
  ].join(', ')
}
