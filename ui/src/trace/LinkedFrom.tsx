import { useQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { spansQuestion } from '../api/questions.ts'
import { Swatch } from '../design/Figure.tsx'
import { useClock } from '../frame/clock.tsx'
import { carried } from '../frame/search.ts'
import { toMs } from '../time/format.ts'

const hour = 3_600_000
const most = 50

/** The spans whose links name this one: of batches and queues those that took its message up later. */
export function LinkedFrom({ traceId, spanId, start }: { traceId: string; spanId: string; start: string }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const from = toMs(start) - hour
  const { data, error } = useQuery(
    spansQuestion(
      { now: clock.now, resolved: { from, to: from + 25 * hour } },
      { q: `{ link:traceID = "${traceId}" && link:spanID = "${spanId}" }` },
      'newest',
      most,
      [],
    ),
  )
  return (
    <>
      <h3 className="details-part">Linked from</h3>
      {error !== null && <p className="muted">Not known: {error.message}</p>}
      {error === null && data === undefined && <p className="muted">Looking for spans that link to this one …</p>}
      {data?.spans.length === 0 && <p className="muted">No span links to it, from an hour before to a day after.</p>}
      {data?.spans.map((span) => (
        <Link
          key={span.traceId + span.spanId}
          className="linked-from"
          to="/trace/$traceId"
          params={{ traceId: span.traceId }}
          search={{ ...carried(search), span: span.spanId }}
        >
          <Swatch service={span.service} /> <bdi>{span.service}</bdi> <bdi>{span.name}</bdi>
        </Link>
      ))}
      {data?.more === true && <p className="muted">The newest {most}; there are more.</p>}
    </>
  )
}
