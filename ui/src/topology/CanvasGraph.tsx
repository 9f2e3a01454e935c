import { useEffect, useRef } from 'react'
import { cut } from '../design/canvas.ts'
import { colourIndex } from '../colour/service.ts'
import { readPalette, type Palette } from '../design/palette.ts'
import { shownName } from '../frame/names.ts'
import { useTheme } from '../frame/theme.ts'
import type { GraphProps } from './FlowGraph.tsx'
import { boundsOf, curve, edgeId, thickness, toneColours, type GraphNode } from './graph.ts'

interface Camera {
  x: number
  y: number
  scale: number
}

/** The same picture on a canvas, for graphs that are too large for DOM nodes: drag moves, wheel zooms, click selects. */
export function CanvasGraph(props: GraphProps) {
  const { answer, laid, words, selected } = props
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
  const palette = useRef<Palette>(undefined)
  useEffect(() => {
    palette.current = undefined
    redraw.current?.()
  }, [theme])
  useEffect(() => redraw.current?.(), [answer, words, selected, laid])

  useEffect(() => {
    const element = canvas.current
    if (element === null) return
    const stop = new AbortController()
    const { signal } = stop
    let frame = 0
    const draw = (): void => {
      frame = 0
      camera.current ??= whole(latest.current, element)
      palette.current ??= readPalette()
      paint(element, latest.current, camera.current, palette.current)
    }
    const later = (): void => {
      if (frame === 0) frame = requestAnimationFrame(draw)
    }
    redraw.current = later
    let from: { x: number; y: number; moved: boolean } | undefined
    const pointed = (event: MouseEvent): GraphNode | undefined =>
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
              {[node.name, ...props.words.node(node).map(({ name, value }) => `${name} ${value}`)].join(', ')}
            </button>
          </li>
        ))}
      </ul>
    </>
  )
}

/** Below this scale names are too small to read. */
const leastLegible = 0.6

function whole({ answer, laid, size, selected }: GraphProps, element: HTMLElement): Camera {
  const all = boundsOf(laid.layout, size)
  const middle = { x: all.x + all.width / 2, y: all.y + all.height / 2 }
  const { clientWidth, clientHeight } = element
  const scale = Math.min(1, (clientWidth - 32) / all.width, (clientHeight - 32) / all.height)
  if (scale >= leastLegible) {
    return { scale, x: clientWidth / 2 - middle.x * scale, y: clientHeight / 2 - middle.y * scale }
  }
  // The whole would be dust: begin where most requests come in, large enough to read, with all the room for whom it calls.
  const called = new Set(answer.edges.filter(({ source, target }) => source !== target).map(({ target }) => target))
  const entries = answer.nodes.filter(({ id }) => !called.has(id))
  // Who opened a group wants to see what is in it.
  const boxed = new Set(answer.boxes?.flatMap(({ nodes }) => nodes))
  const opened = answer.nodes.filter(({ id }) => boxed.has(id))
  const busiest = [...([opened, entries].find(({ length }) => length > 0) ?? answer.nodes)].sort(
    (a, b) => b.requests - a.requests,
  )[0]
  const place = laid.layout.nodes[selected ?? busiest?.id ?? ''] ?? middle
  return {
    scale: leastLegible,
    x: (selected === undefined && opened.length === 0 ? size.width / 2 : clientWidth / 2) - place.x * leastLegible,
    y: clientHeight / 2 - place.y * leastLegible,
  }
}

function nodeAt({ answer, laid, size }: GraphProps, { x, y, scale }: Camera, atX: number, atY: number) {
  const [wx, wy] = [(atX - x) / scale, (atY - y) / scale]
  return answer.nodes.find(({ id }) => {
    const place = laid.layout.nodes[id]
    return place !== undefined && Math.abs(place.x - wx) <= size.width / 2 && Math.abs(place.y - wy) <= size.height / 2
  })
}

function paint(element: HTMLCanvasElement, props: GraphProps, { x, y, scale }: Camera, palette: Palette): void {
  const ctx = element.getContext('2d')
  if (ctx === null) return
  const ratio = devicePixelRatio
  const [width, height] = [element.clientWidth, element.clientHeight]
  const [wide, high] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))]
  // Even the same size set again makes a new bitmap.
  if (element.width !== wide) element.width = wide
  if (element.height !== high) element.height = high
  ctx.setTransform(1, 0, 0, 1, 0, 0)
  ctx.clearRect(0, 0, wide, high)
  ctx.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * x, ratio * y)
  paintBoxes(ctx, props, palette)
  const [left, top] = [-x / scale, -y / scale]
  paintEdges(ctx, props, palette, { left, top, right: left + width / scale, bottom: top + height / scale })
  const { answer, laid, words, size, selected } = props
  const font = `${palette.token('--text-base')} ${palette.token('--font')}`
  ctx.font = font
  ctx.textBaseline = 'middle'
  for (const node of answer.nodes) {
    const place = laid.layout.nodes[node.id]
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
      node.type === 'service' ? (palette.services[colourIndex(words.service(node))] ?? '') : palette.token('--ghost')
    ctx.fillRect(left + 8, place.y - 4, 8, 8)
    if (scale < 0.25) continue
    const figures = words.node(node)
    const figure = (figures.find(({ error }) => error === true) ?? figures[0])?.value ?? ''
    const figureWidth = ctx.measureText(figure).width
    ctx.textAlign = 'right'
    ctx.fillStyle = palette.token(node.errors > 0 ? '--error' : '--text-faint')
    ctx.fillText(figure, left + size.width - 8, place.y)
    ctx.textAlign = 'left'
    ctx.fillStyle = palette.token('--text')
    ctx.fillText(cut(ctx, node.name, size.width - 40 - figureWidth), left + 22, place.y)
  }
}

function paintBoxes(ctx: CanvasRenderingContext2D, { answer, laid }: GraphProps, palette: Palette): void {
  ctx.font = `${palette.token('--text-base')} ${palette.token('--font')}`
  ctx.textAlign = 'left'
  ctx.textBaseline = 'top'
  for (const { id, name } of answer.boxes ?? []) {
    const box = laid.layout.boxes[id]
    if (box === undefined) continue
    ctx.fillStyle = palette.token('--bg')
    ctx.strokeStyle = palette.token('--line-strong')
    ctx.lineWidth = 1
    ctx.beginPath()
    ctx.roundRect(box.x, box.y, box.width, box.height, 6)
    ctx.fill()
    ctx.stroke()
    ctx.fillStyle = palette.token('--text-muted')
    ctx.fillText(cut(ctx, shownName(name), box.width - 20), box.x + 10, box.y + 6)
  }
}

interface Rectangle {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}
interface EdgeShape extends Rectangle {
  readonly path: Path2D
}

/** Of a line, about. */
const thickest = 8

/** Of each layout the shapes of its edges: making one takes longer than drawing it. */
const shapes = new WeakMap<GraphProps['laid'], Map<string, EdgeShape>>()

function shapeOf(edge: GraphProps['answer']['edges'][number], { laid, size }: GraphProps): EdgeShape | undefined {
  let known = shapes.get(laid)
  if (known === undefined) shapes.set(laid, (known = new Map()))
  const id = edgeId(edge)
  let shape = known.get(id)
  if (shape !== undefined) return shape
  const { nodes, bends } = laid.layout
  const [from, to] = [nodes[edge.source], nodes[edge.target]]
  if (from === undefined || to === undefined || edge.source === edge.target) return undefined
  const points = [
    { x: from.x + size.width / 2, y: from.y },
    ...(bends[id] ?? []),
    { x: to.x - size.width / 2, y: to.y },
  ]
  const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)]
  // A curve lies within its points.
  shape = {
    path: new Path2D(curve(points)),
    left: Math.min(...xs) - thickest,
    right: Math.max(...xs) + thickest,
    top: Math.min(...ys) - thickest,
    bottom: Math.max(...ys) + thickest,
  }
  known.set(id, shape)
  return shape
}

function paintEdges(ctx: CanvasRenderingContext2D, props: GraphProps, palette: Palette, seen: Rectangle): void {
  const { answer, words, selected } = props
  const busiest = answer.edges.reduce((max, { requests }) => Math.max(max, requests), 0)
  for (const edge of answer.edges) {
    const shape = shapeOf(edge, props)
    if (shape === undefined || shape.left > seen.right || shape.right < seen.left) continue
    if (shape.top > seen.bottom || shape.bottom < seen.top) continue
    const mine = edge.source === selected || edge.target === selected
    ctx.globalAlpha = selected === undefined || mine ? 1 : 0.2
    const tone = words.tone(edge)
    ctx.strokeStyle = palette.token(tone === 'plain' && mine ? '--accent' : toneColours[tone])
    ctx.lineWidth = thickness(edge.requests, busiest)
    ctx.stroke(shape.path)
  }
  ctx.globalAlpha = 1
}
