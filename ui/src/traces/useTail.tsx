import { useCallback, useRef, useState, type HTMLAttributes, type RefObject } from 'react'
import { firstTail, nextTail, type Tail } from './tail.ts'

interface Followed<Item> extends Tail<Item> {
  /** For the element around the list: who reads in it, or has scrolled it, holds it. */
  readonly holder: HTMLAttributes<HTMLElement> & { readonly ref: RefObject<HTMLDivElement | null> }
  readonly isFresh: (item: Item) => boolean
  /** Shows what waits. */
  readonly toTop: () => void
}

/**
 * Follows a list whose newest come first.
 *
 * @param on whether it is followed; where not, it shows what it is given
 * @param question of which `items` are the answer, its time left out: another one begins anew
 * @param isPlaceholder whether `items` are still the answer of another question
 */
export function useTail<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  on: boolean,
  question: string,
  isPlaceholder: boolean,
): Followed<Item> {
  const ref = useRef<HTMLDivElement>(null)
  const [over, setOver] = useState(false)
  const [scrolled, setScrolled] = useState(false)
  const held = on && (over || scrolled)
  const [state, setState] = useState({ tail: firstTail(items), items, held, question })
  let { tail } = state
  if (!isPlaceholder && (state.items !== items || state.held !== held || state.question !== question)) {
    // What is new is new for as long as its answer is shown, not for as long as nobody points at the list.
    if (state.question !== question || !on) tail = firstTail(items)
    else if (state.items !== items || tail.waiting > 0) tail = nextTail(tail, items, keyOf, held)
    setState({ tail, items, held, question })
  }
  const { fresh } = tail
  return {
    ...tail,
    holder: {
      ref,
      onPointerEnter: () => setOver(true),
      onPointerLeave: () => setOver(false),
      onScrollCapture: ({ target }) => setScrolled(target instanceof Element && target.scrollTop > 0),
    },
    isFresh: useCallback((item: Item) => fresh.has(keyOf(item)), [fresh, keyOf]),
    toTop: () => {
      ref.current?.querySelector('.list-body')?.scrollTo({ top: 0 })
      setOver(false)
    },
  }
}

/** Says how many wait while the list is held. */
export function Waiting({ tail }: { tail: Pick<Followed<unknown>, 'waiting' | 'toTop'> }) {
  if (tail.waiting === 0) return null
  return (
    <button
      type="button"
      className="button tail-waiting"
      title="The list stands still while the pointer is in it, and where it was scrolled"
      onClick={tail.toTop}
    >
      {tail.waiting} new
    </button>
  )
}
