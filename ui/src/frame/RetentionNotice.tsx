import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { retentionQuestion } from '../api/questions.ts'
import { Icon } from '../design/Icon.tsx'
import { ago } from '../time/format.ts'

const key = 'weft-dropped-days-seen'

function seen(): string {
  try {
    return localStorage.getItem(key) ?? ''
  } catch {
    // Storage is forbidden: the notice comes back with the next page load.
    return ''
  }
}

/** Says which days were removed, until one has taken note; a newly removed day brings it back. */
export function RetentionNotice() {
  const { data } = useQuery(retentionQuestion)
  const [noted, setNoted] = useState(seen)
  const newest = data?.droppedDays[0]
  if (data === undefined || newest === undefined || noted === newest.day) return null
  const others = data.droppedDays.length - 1
  const note = (): void => {
    setNoted(newest.day)
    try {
      localStorage.setItem(key, newest.day)
    } catch {
      // As above.
    }
  }
  return (
    <div className="notice frame-notice" role="status">
      <Icon name="clock" size={14} />
      <span>
        Spans received on <b>{newest.day}</b> (UTC){' '}
        {others > 0 && `and on ${others} ${others === 1 ? 'day' : 'days'} before `}
        were removed {ago(Number(newest.droppedAtUnixNano) / 1e6, Date.now())}: {newest.reason}
      </span>
      <button type="button" className="button button-quiet" onClick={note}>
        Understood
      </button>
    </div>
  )
}
