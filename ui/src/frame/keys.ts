import { useEffect, useRef } from 'react'

/** What a key does; `?`, `/`, `j`, `Escape`, … as in KeyboardEvent.key. Returning false lets the key pass. */
export type Keys = Readonly<Record<string, (event: KeyboardEvent) => boolean | void>>

/** While one types, letters are letters. */
function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches('input:not([type=checkbox]):not([type=radio]), textarea, select'))
  )
}

const inPopup = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('[role=dialog], [role=listbox], [role=menu]') !== null

/** Binds single keys for as long as the component is on screen. Keys with Ctrl, Alt or Meta are left alone. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys)
  useEffect(() => {
    latest.current = keys
  })
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
      // What lies in a shadow tree, as the editor does, is seen from outside as its host.
      const [target = event.target] = event.composedPath()
      if (typing(target) || inPopup(target)) return
      const action = Object.hasOwn(latest.current, event.key) ? latest.current[event.key] : undefined
      if (action !== undefined && action(event) !== false) event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
}
