import { Link } from '@tanstack/react-router'
import type { CSSProperties } from 'react'
import type { CompareAnswer, ComparedSide } from '../../../query-api/types.ts'
import { Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import type { TableColumn } from '../design/table.ts'
import { shownName } from '../frame/names.ts'
import type { Search } from '../frame/search.ts'
import { duration } from '../numbers/format.ts'
import { half, type Row } from './rows.ts'

/** Deeper calls are not moved further to the right: their names would leave the page. */
const mostIndent = 24

export function columnsOf(answer: CompareAnswer, link: Search): TableColumn<Row>[] {
  const most = Math.max(answer.a.durationNanos, answer.b.durationNanos, 1)
  const side = (id: 'a' | 'b', label: string): TableColumn<Row>[] => [
    {
      id: `${id}calls`,
      label: `${label} calls`,
      width: 'var(--col-figure)',
      number: true,
      sort: (row) => row[id]?.calls,
      cell: (row) => {
        const one = row[id]
        if (one === null) return <span className="list-none">–</span>
        return (
          <span className={one.errors >= half ? 'list-error' : 'number'} title={`${round(one.errors)} failed`}>
            {one.errors >= half && <Icon name="error" size={12} />}
            {round(one.calls)}
          </span>
        )
      },
    },
    {
      id,
      label: `${label} time`,
      title: `Durations of its calls added up, in ${label}`,
      width: 'var(--col-time)',
      number: true,
      sort: (row) => row[id]?.totalNanos,
      cell: (row) => <Time of={row[id]} traceId={answer[id].traceId} link={link} />,
    },
  ]
  return [
    {
      id: 'call',
      label: 'Call',
      width: 'minmax(var(--col-name), 4fr)',
      cell: ({ depth, service, name, a, b }) => (
        <span className="compare-call" style={{ '--depth': Math.min(depth, mostIndent) } as CSSProperties}>
          <Swatch service={service} />
          <bdi className="cut" title={`${service}: ${name}`}>
            {shownName(name)} <span className="muted">{service}</span>
          </bdi>
          {(a === null || b === null) && <span className="list-note">only in {a === null ? 'B' : 'A'}</span>}
        </span>
      ),
    },
    ...side('a', 'A'),
    ...side('b', 'B'),
    {
      id: 'self',
      label: 'Own time',
      title: 'How much more time A spends in its own code, without its children',
      width: 'var(--col-time)',
      number: true,
      sort: ({ moreSelf }) => Math.abs(moreSelf),
      cell: ({ moreSelf }) => <Difference nanos={moreSelf} />,
    },
    {
      id: 'difference',
      label: 'Difference',
      title: 'How much more time A spends in it, with all that it calls',
      width: 'calc(1.4 * var(--col-duration))',
      number: true,
      sort: ({ more }) => Math.abs(more),
      cell: ({ more }) => (
        <span className="compare-difference">
          <span className="compare-track" aria-hidden="true">
            <span
              className="compare-bar"
              data-more={more > 0}
              style={{ '--part': `${Math.min(50, (50 * Math.abs(more)) / most)}%` } as CSSProperties}
            />
          </span>
          <Difference nanos={more} />
        </span>
      ),
    },
  ]
}

/** Of a mean there are parts of calls. */
const round = (calls: number): string => String(Number(calls.toPrecision(3)))

function Time({ of, traceId, link }: { of: ComparedSide | null; traceId: string | null; link: Search }) {
  if (of === null) return <span className="list-none">–</span>
  const shown = <Figure shown={duration(Math.round(of.totalNanos))} />
  if (traceId === null) return shown
  return (
    <Link
      className="compare-time"
      to="/trace/$traceId"
      params={{ traceId }}
      search={{ ...link, span: of.spanId }}
      title="Its longest span, in its trace"
    >
      {shown}
    </Link>
  )
}

function Difference({ nanos }: { nanos: number }) {
  if (nanos === 0) return <span className="list-none">0</span>
  return (
    <span className="number">
      {nanos > 0 ? '+' : ''}
      <Figure shown={duration(Math.round(nanos))} />
    </span>
  )
}
