import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { heatmapQuestion } from '../api/questions.ts'
import { count, text } from '../numbers/format.ts'
import { toMs } from '../time/format.ts'
import { rangeToUrl } from '../time/range.ts'
import { quoted } from '../traces/filter.ts'
import { kindNames } from './kinds.ts'
import { sentAt, type Node } from './model.ts'
import { rankOf } from './rank.ts'

const halfHour = 1_800_000
/** Whoever walks from span to span does not ask about each. */
const settlesMs = 300

/** Where a span stands among those of its service, name and kind, in the hour around it. */
export function Rank({ node, startNanos }: { node: Node; startNanos: bigint }) {
  const { id, service, name, kind, duration, invalidTimes } = node
  const [settled, setSettled] = useState<string>()
  useEffect(() => {
    const timer = setTimeout(() => setSettled(id), settlesMs)
    return () => clearTimeout(timer)
  }, [id])
  const started = toMs(String(sentAt(node, startNanos)))
  // The same hour for all spans of a trace, mostly, and so one question for an operation.
  const middle = Math.round(started / halfHour) * halfHour
  const resolved = { from: middle - halfHour, to: middle + halfHour }
  const alike = `resource.service.name = ${quoted(service)} && name = ${quoted(name)} && kind = ${kindNames[kind] ?? 'unspecified'}`
  const { data, error, isFetching } = useQuery({
    ...heatmapQuestion({ now: 0, resolved }, { q: `{ ${alike} }` }, 'spans', 1),
    enabled: settled === id && !invalidTimes,
  })
  if (invalidTimes) return <>–</>
  if (error !== null) return <span className="muted">not known: {error.message}</span>
  if (data === undefined || (isFetching && settled !== id)) return <span className="muted">…</span>
  const { percent, of } = rankOf(data, duration)
  if (of < 2) return <span className="muted">the only one in the hour around it</span>
  return (
    <span title="By a distribution in steps of 26 %">
      longer than about {percent} % of {text(count(of))} in the hour around it;{' '}
      <Link
        to="/traces"
        search={{
          time: rangeToUrl({ kind: 'between', ...resolved }),
          q: `{ ${alike} && duration >= ${duration}ns }`,
          order: 'slowest',
        }}
      >
        the slower ones
      </Link>
    </span>
  )
}
