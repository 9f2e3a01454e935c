import './query-wrong.css'
import type { Place } from '../api/client.ts'

/** What is wrong with a query, with what stands around the place where it is; within a `query-wrong`. */
export function WrongQuery(props: { query: string; place: Place | undefined; message: string }) {
  const { query, place, message } = props
  return (
    <>
      {place !== undefined && (
        <code aria-hidden="true">
          {query.slice(Math.max(0, place.start - 40), place.start)}
          <mark>{query.slice(place.start, Math.max(place.end, place.start + 1)) || '␣'}</mark>
          {query.slice(Math.max(place.end, place.start + 1), place.end + 40)}
        </code>
      )}
      <span>{message}</span>
    </>
  )
}
