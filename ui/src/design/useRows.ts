import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual'
import { useRef, useState, type RefObject } from 'react'

/** Rows of one height of which only those on screen are drawn, one of them marked (-1: none). */
export function useRows(
  count: number,
  height: number,
): {
  scroller: RefObject<HTMLDivElement | null>
  virtual: Virtualizer<HTMLDivElement, Element>
  marked: number
  setMarked: (row: number) => void
  /** Marks the row so many further on, and brings it on screen. */
  move: (by: number) => void
} {
  const scroller = useRef<HTMLDivElement>(null)
  const [marked, setMarked] = useState(-1)
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 12,
  })
  const move = (by: number): void => {
    const next = Math.max(0, Math.min(count - 1, marked + by))
    setMarked(next)
    virtual.scrollToIndex(next)
  }
  return { scroller, virtual, marked, setMarked, move }
}
