import { useEffect, useRef, useState } from 'react'
import { Icon } from './Icon.tsx'

/** Puts text on the clipboard and says so. */
export function Copy({ what, label, withText }: { what: () => string; label: string; withText?: string }) {
  const [said, setSaid] = useState<'' | 'Copied' | 'Not copied'>('')
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const copy = async (): Promise<void> => {
    setSaid((await writeClipboard(what())) ? 'Copied' : 'Not copied')
    clearTimeout(timer.current)
    timer.current = setTimeout(() => setSaid(''), 1500)
  }
  return (
    <button
      type="button"
      className={`button button-quiet copy ${withText === undefined ? 'button-icon' : ''}`}
      aria-label={said === '' ? label : said}
      title={said === '' ? label : said}
      onClick={() => void copy()}
    >
      <Icon name={said === 'Copied' ? 'check' : said === 'Not copied' ? 'close' : 'copy'} size={14} />
      {withText !== undefined && <span>{said === '' ? withText : said}</span>}
    </button>
  )
}

async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Over plain HTTP from another machine there is no clipboard API: the old way still works there.
    const area = document.createElement('textarea')
    area.value = text
    area.className = 'visually-hidden'
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}
