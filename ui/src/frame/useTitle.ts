import { useEffect } from 'react'

/** Names the page in the browser's tab, its history and its bookmarks. */
export function useTitle(title: string): void {
  useEffect(() => {
    // A name out of telemetry may be of any length.
    document.title = title === '' ? 'Weft' : `${title.slice(0, 120)} · Weft`
  }, [title])
}
