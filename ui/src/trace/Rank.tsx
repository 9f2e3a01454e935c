import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import type { TraceSpan } from '../../../query-api/types.ts'
import { heatmapQuestion } from '../api/questions.ts'
import { count, text } from '../numbers/format.ts'
import { toMs } from '../time/format.ts'
import { rangeToUrl } from '../time/range.ts'
import { quoted } from '../traces/filter.ts'
import { kindNames } from './kinds.ts'
import { rankOf } from './rank.ts'

const halfHour = 1_800_000
/** Whoever walks from span to span does not ask about each. */
const settlesMs = 300

/** Where a span stands among those of its service, name and kind, in the hour around it. */
export function Rank({ span }: { span: TraceSpan }) {
  const [settled, setSettled] = useState<string>()
  useEffect(() => {
    const timer = setTimeout(() => setSettled(span.spanId), settlesMs)
    return () => clearTimeout(timer)
  }, [span.spanId])
  const started = toMs(span.startTimeUnixNano)
  // The same hour for all spans of a trace, mostly, and so one question for an operation.
  const middle = Math.round(started / halfHour) * halfHour
  const resolved = { from: middle - halfHour, to: middle + halfHour }
  const alike = `resource.service.name = ${quoted(span.service)} && name = ${quoted(span.name)} && kind = ${kindNames[span.kind] ?? 'unspecified'}`
  const { data, error, isFetching } = useQuery({
    ...heatmapQuestion({ now: 0, resolved }, { q: `{ ${alike} }` }, 'spans', 1),
    enabled: settled === span.spanId && !span.invalidTimes,
  })
  if (span.invalidTimes) return <>–</>
  if (error !== null) return <span className="muted">not known: {error.message}</span>
  if (data === undefined || (isFetching && settled !== span.spanId)) return <span className="muted">…</span>
  const { percent, of } = rankOf(data, Number(span.durationNanos))
  if (of < 2) return <span className="muted">the only one in the hour around it</span>
  return (
    <span title="By a distribution in steps of 26 %">
      longer than about {percent} % of {text(count(of))} in the hour around it;{' '}
      <Link
        to="/traces"
        search={{
          time: rangeToUrl({ kind: 'between', ...resolved }),
          q: `{ ${alike} && duration >= ${span.durationNanos}ns }`,
          order: 'slowest',
        }}
      >
        the slower ones
      </Link>
    </span>
  )
}
