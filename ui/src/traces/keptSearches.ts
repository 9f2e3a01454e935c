import { useSyncExternalStore } from 'react'
import { basePath } from '../frame/base.ts'
import { readSearches, type Searches } from './searches.ts'

// In this browser: there is nobody on the server yet to whom they could belong.
const key = `weft-searches ${basePath()}`
const listeners = new Set<() => void>()
let text: string | null = null
let searches: Searches = readSearches(null)

/** Another tab may have written since. */
function current(): Searches {
  let stored: string | null
  try {
    stored = localStorage.getItem(key)
  } catch {
    // Storage is forbidden here: what is kept lasts as long as the page.
    return searches
  }
  if (stored !== text) {
    text = stored
    searches = readSearches(stored)
  }
  return searches
}

/** Changes what is kept, and says whether it will be there when the browser is opened again. */
export function keepSearches(change: (searches: Searches) => Searches): boolean {
  searches = change(current())
  let stays = true
  try {
    text = JSON.stringify(searches)
    localStorage.setItem(key, text)
  } catch {
    stays = false
  }
  for (const listener of listeners) listener()
  return stays
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  addEventListener('storage', listener)
  return () => {
    listeners.delete(listener)
    removeEventListener('storage', listener)
  }
}

export const useSearches = (): Searches => useSyncExternalStore(subscribe, current)
