import { useEffect, useRef } from 'react'
import type { TopologyNode } from '../../../query-api/types.ts'
import { colourIndex } from '../colour/service.ts'
import { readPalette, type Palette } from '../design/palette.ts'
import { useTheme } from '../frame/theme.ts'
import { rate, share, text } from '../numbers/format.ts'
import type { GraphProps } from './FlowGraph.tsx'
import { thickness } from './graph.ts'

interface Camera {
  x: number
  y: number
  scale: number
}

/** The same picture on a canvas, for graphs that are too large for DOM nodes: drag moves, wheel zooms, click selects. */
export function CanvasGraph(props: GraphProps) {
  const { answer, laid, selected } = props
  const theme = useTheme()
  const canvas = useRef<HTMLCanvasElement>(null)
  const latest = useRef(props)
  const camera = useRef<Camera>(undefined)
  const redraw = useRef<() => void>(undefined)

  useEffect(() => {
    latest.current = props
  })
  useEffect(() => {
    camera.current = undefined
    redraw.current?.()
  }, [laid.shape])
  useEffect(() => redraw.current?.(), [answer, selected, theme, laid])

  useEffect(() => {
    const element = canvas.current
    if (element === null) return
    const stop = new AbortController()
    const { signal } = stop
    let frame = 0
    const draw = (): void => {
      frame = 0
      camera.current ??= whole(latest.current, element)
      paint(element, latest.current, camera.current, readPalette())
    }
    const later = (): void => {
      if (frame === 0) frame = requestAnimationFrame(draw)
    }
    redraw.current = later
    let from: { x: number; y: number; moved: boolean } | undefined
    const pointed = (event: MouseEvent): TopologyNode | undefined =>
      camera.current === undefined ? undefined : nodeAt(latest.current, camera.current, event.offsetX, event.offsetY)
    element.addEventListener(
      'pointerdown',
      (event) => {
        from = { x: event.offsetX, y: event.offsetY, moved: false }
        element.setPointerCapture(event.pointerId)
      },
      { signal },
    )
    element.addEventListener(
      'pointermove',
      (event) => {
        const at = camera.current
        if (from === undefined || at === undefined) {
          const over = pointed(event)
          element.title = over?.name ?? ''
          element.dataset['over'] = String(over !== undefined)
          return
        }
        const [dx, dy] = [event.offsetX - from.x, event.offsetY - from.y]
        if (!from.moved && Math.hypot(dx, dy) < 4) return
        from = { x: event.offsetX, y: event.offsetY, moved: true }
        at.x += dx
        at.y += dy
        later()
      },
      { signal },
    )
    element.addEventListener(
      'pointerup',
      (event) => {
        if (from !== undefined && !from.moved) latest.current.onSelect(pointed(event)?.id)
        from = undefined
      },
      { signal },
    )
    element.addEventListener(
      'wheel',
      (event) => {
        const at = camera.current
        if (at === undefined) return
        event.preventDefault()
        const scale = Math.max(0.02, Math.min(2, at.scale * Math.exp(-event.deltaY * 0.0015)))
        at.x = event.offsetX - ((event.offsetX - at.x) / at.scale) * scale
        at.y = event.offsetY - ((event.offsetY - at.y) / at.scale) * scale
        at.scale = scale
        later()
      },
      { signal, passive: false },
    )
    const watch = new ResizeObserver(later)
    watch.observe(element)
    later()
    return () => {
      stop.abort()
      watch.disconnect()
      cancelAnimationFrame(frame)
    }
  }, [])
  return (
    <>
      <canvas className="topology-large" ref={canvas} aria-hidden="true" />
      <p className="topology-hint">Drag moves, the wheel zooms, a click selects.</p>
      {/* What the canvas shows, for keyboards and screen readers. */}
      <ul className="topology-list" aria-label="Nodes">
        {answer.nodes.slice(0, 1000).map((node) => (
          <li key={node.id}>
            <button type="button" onClick={() => props.onSelect(node.id)}>
              {node.name}, {text(rate(node.rate))}, {text(share(node.errors, node.requests))} errors
            </button>
          </li>
        ))}
      </ul>
    </>
  )
}

function whole({ laid, size }: GraphProps, element: HTMLElement): Camera {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (const { x, y } of Object.values(laid.layout)) {
    left = Math.min(left, x - size.width / 2)
    right = Math.max(right, x + size.width / 2)
    top = Math.min(top, y - size.height / 2)
    bottom = Math.max(bottom, y + size.height / 2)
  }
  const { clientWidth, clientHeight } = element
  const scale = Math.min(1, (clientWidth - 32) / (right - left), (clientHeight - 32) / (bottom - top))
  return {
    scale,
    x: clientWidth / 2 - ((left + right) / 2) * scale,
    y: clientHeight / 2 - ((top + bottom) / 2) * scale,
  }
}

function nodeAt({ answer, laid, size }: GraphProps, { x, y, scale }: Camera, atX: number, atY: number) {
  const [wx, wy] = [(atX - x) / scale, (atY - y) / scale]
  return answer.nodes.find(({ id }) => {
    const place = laid.layout[id]
    return place !== undefined && Math.abs(place.x - wx) <= size.width / 2 && Math.abs(place.y - wy) <= size.height / 2
  })
}

function paint(element: HTMLCanvasElement, props: GraphProps, { x, y, scale }: Camera, palette: Palette): void {
  const ctx = element.getContext('2d')
  if (ctx === null) return
  const ratio = devicePixelRatio
  const [width, height] = [element.clientWidth, element.clientHeight]
  element.width = Math.max(1, Math.round(width * ratio))
  element.height = Math.max(1, Math.round(height * ratio))
  ctx.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * x, ratio * y)
  paintEdges(ctx, props, palette)
  const { answer, laid, size, selected } = props
  const close = scale > 0.35
  ctx.font = `${palette.token('--weight-medium')} ${close ? 13 : 22}px ${palette.token('--font')}`
  ctx.textBaseline = 'middle'
  for (const node of answer.nodes) {
    const place = laid.layout[node.id]
    if (place === undefined) continue
    const [left, top] = [place.x - size.width / 2, place.y - size.height / 2]
    const [sx, sy] = [left * scale + x, top * scale + y]
    if (sx > width || sy > height || sx + size.width * scale < 0 || sy + size.height * scale < 0) continue
    ctx.fillStyle = palette.token(node.id === selected ? '--bg-selected' : '--bg-raised')
    ctx.strokeStyle = palette.token(
      node.id === selected ? '--accent' : node.errors > 0 ? '--error-line' : '--line-strong',
    )
    ctx.lineWidth = node.id === selected ? 2 / scale : 1 / Math.min(1, scale)
    ctx.beginPath()
    ctx.roundRect(left, top, size.width, size.height, 6)
    ctx.fill()
    ctx.stroke()
    ctx.fillStyle =
      node.type === 'service' ? (palette.services[colourIndex(node.name)] ?? '') : palette.token('--ghost')
    ctx.fillRect(left + 10, top + (close ? 14 : 24), close ? 8 : 16, close ? 8 : 16)
    if (scale < 0.12) continue
    ctx.fillStyle = palette.token('--text')
    ctx.save()
    ctx.beginPath()
    ctx.rect(left + 24, top, size.width - 32, size.height)
    ctx.clip()
    ctx.fillText(node.name, left + (close ? 24 : 34), top + (close ? 18 : 32))
    if (close) {
      ctx.fillStyle = palette.token(node.errors > 0 ? '--error' : '--text-muted')
      ctx.font = `${palette.token('--text-tiny')} ${palette.token('--font')}`
      ctx.fillText(`${text(rate(node.rate))}, ${text(share(node.errors, node.requests))} errors`, left + 24, top + 42)
      ctx.font = `${palette.token('--weight-medium')} 13px ${palette.token('--font')}`
    }
    ctx.restore()
  }
}

function paintEdges(
  ctx: CanvasRenderingContext2D,
  { answer, laid, size, selected }: GraphProps,
  palette: Palette,
): void {
  ctx.clearRect(-1e6, -1e6, 2e6, 2e6)
  const busiest = answer.edges.reduce((max, { requests }) => Math.max(max, requests), 0)
  for (const { source, target, requests, errors } of answer.edges) {
    const [from, to] = [laid.layout[source], laid.layout[target]]
    if (from === undefined || to === undefined || source === target) continue
    const mine = source === selected || target === selected
    ctx.globalAlpha = selected === undefined || mine ? 1 : 0.2
    ctx.strokeStyle = palette.token(errors > 0 ? '--error' : mine ? '--accent' : '--ghost')
    ctx.lineWidth = thickness(requests, busiest)
    const [x1, x2] = [from.x + size.width / 2, to.x - size.width / 2]
    const bend = Math.max(40, Math.abs(x2 - x1) / 2)
    ctx.beginPath()
    ctx.moveTo(x1, from.y)
    ctx.bezierCurveTo(x1 + bend, from.y, x2 - bend, to.y, x2, to.y)
    ctx.stroke()
  }
  ctx.globalAlpha = 1
}
