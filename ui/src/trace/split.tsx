import { useState, type RefObject } from 'react'

/** A part of the width (0 to 1) that one can drag, kept for the next visit. */
export function useWidth(name: string, first: number): readonly [number, (part: number) => void] {
  const key = `weft-width-${name}`
  const [part, setPart] = useState(() => {
    try {
      const kept = Number(localStorage.getItem(key))
      return kept > 0 && kept < 1 ? kept : first
    } catch {
      // Storage is forbidden: the width lasts as long as the page.
      return first
    }
  })
  const set = (next: number): void => {
    setPart(next)
    try {
      localStorage.setItem(key, next.toFixed(4))
    } catch {
      // As above.
    }
  }
  return [part, set]
}

/** A line between two parts that is dragged, or moved with the arrow keys. `place`: at `value`, or at the start edge of what has it. */
export function SplitHandle(props: {
  label: string
  place: 'at' | 'start'
  value: number
  of: RefObject<HTMLElement | null>
  least: number
  most: number
  onMove: (part: number) => void
}) {
  const { label, place, value, of, least, most, onMove } = props
  const move = (part: number): void => onMove(Math.max(least, Math.min(most, part)))
  const grow = place === 'at' ? 1 : -1
  return (
    // A separator with a value is a widget by ARIA: it takes the focus and the arrow keys.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      className="split"
      role="separator"
      aria-label={label}
      aria-orientation="vertical"
      aria-valuenow={Math.round(value * 100)}
      aria-valuemin={Math.round(least * 100)}
      aria-valuemax={Math.round(most * 100)}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      style={place === 'at' ? { insetInlineStart: `${value * 100}%` } : { insetInlineStart: 0 }}
      onKeyDown={(event) => {
        if (event.key === 'ArrowLeft') move(value - grow * 0.02)
        else if (event.key === 'ArrowRight') move(value + grow * 0.02)
        else return
        event.preventDefault()
        event.stopPropagation()
      }}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        const box = of.current?.getBoundingClientRect()
        if (box === undefined || !event.currentTarget.hasPointerCapture(event.pointerId)) return
        move(place === 'at' ? (event.clientX - box.left) / box.width : (box.right - event.clientX) / box.width)
      }}
    />
  )
}
