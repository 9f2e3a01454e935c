import './compare.css'
import { useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { CompareAnswer, ComparedTrace } from '../../../query-api/types.ts'
import { compareQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { DataTable } from '../design/DataTable.tsx'
import { Figure, Swatch } from '../design/Figure.tsx'
import { Answer, Empty } from '../design/State.tsx'
import { useKeys } from '../frame/keys.ts'
import { shownName } from '../frame/names.ts'
import { carried, changed } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { useTitle } from '../frame/useTitle.ts'
import { count, duration, text } from '../numbers/format.ts'
import { moment, toMs, utcNanos } from '../time/format.ts'
import { columnsOf } from './columns.tsx'
import { differing, rowsOf } from './rows.ts'

/** Two traces as one tree: what only one has, and what takes longer. */
export function ComparePage() {
  const { a, b } = useParams({ from: '/compare/$a/$b' })
  useTitle('Compare traces')
  const queries = useQueryClient()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const asked = useQuestion(compareQuestion(a, b))
  const { data } = asked
  const sorted = useSort()
  const only = search.only !== undefined
  const set = (change: Parameters<typeof changed>[1]): void => {
    void navigate({ to: '.', search: (was) => changed(was, change), replace: true })
  }
  useKeys({ d: () => set({ only: only ? undefined : 'differences' }) })
  const rows = useMemo(() => (data === undefined ? [] : rowsOf(data)), [data])
  const differ = useMemo(() => rows.filter((row) => differing(row, data)), [rows, data])
  const columns = useMemo(() => (data === undefined ? [] : columnsOf(data, carried(search))), [data, search])
  return (
    <div className="compare">
      <header className="page-head">
        <h1 className="page-title">Compare</h1>
        {data !== undefined && (
          <>
            <Side letter="A" trace={data.a} />
            <Side letter="B" trace={data.b} />
            <Outcome answer={data} />
          </>
        )}
      </header>
      <div className="compare-answer">
        <Answer
          asked={asked}
          what="the comparison"
          onCancel={() => void queries.cancelQueries({ queryKey: ['compare'] })}
        >
          {({ cut }) => (
            <div className="compare-found">
              <div className="traces-heading" role="status">
                {`${text(count(rows.length))} calls, ${text(count(differ.length))} of which differ`}
                {cut && <span className="muted">Only those that take most time; there are more.</span>}
                <button
                  type="button"
                  className="button button-quiet"
                  title="Only what differs (d)"
                  aria-pressed={only}
                  onClick={() => set({ only: only ? undefined : 'differences' })}
                >
                  Only differences
                </button>
                {b !== 'typical' && (
                  <Link
                    className="button button-quiet"
                    to="/compare/$a/$b"
                    params={{ a: b, b: a }}
                    search={search}
                    title="A and B the other way round"
                  >
                    Swap
                  </Link>
                )}
              </div>
              {only && differ.length === 0 ? (
                <Empty title="Nothing differs by more than a hundredth of the longer one">
                  Both have the same calls, and as much time goes into each.
                </Empty>
              ) : (
                <DataTable
                  label="Calls of both traces"
                  columns={columns}
                  rows={only ? differ : rows}
                  keyOf={({ key }) => key}
                  {...sorted}
                />
              )}
            </div>
          )}
        </Answer>
      </div>
    </div>
  )
}

function Side({ letter, trace }: { letter: string; trace: ComparedTrace }) {
  const search = useSearch({ from: '__root__' })
  const { traceId, traces, rootService, rootName, startTimeUnixNano, durationNanos, spans } = trace
  return (
    <section className="compare-side" aria-label={letter}>
      <span className="compare-letter">{letter}</span>
      <Swatch service={rootService} />
      {traceId === null ? (
        <span>
          the mean of <b>{traces} typical</b> ones
        </span>
      ) : (
        <Link className="cut" to="/trace/$traceId" params={{ traceId }} search={carried(search)} title={traceId}>
          <bdi>{shownName(rootName)}</bdi>
        </Link>
      )}
      <span className="muted">
        {startTimeUnixNano !== null && (
          <span title={utcNanos(startTimeUnixNano)}>{moment(toMs(startTimeUnixNano), Date.now())}, </span>
        )}
        <Figure shown={duration(Math.round(durationNanos))} />, {text(count(Math.round(spans)))} spans
      </span>
    </section>
  )
}

/** The difference of the whole, in words. */
function Outcome({ answer: { a, b } }: { answer: CompareAnswer }) {
  const more = a.durationNanos - b.durationNanos
  if (more === 0) return <span className="compare-outcome">Both take as long.</span>
  return (
    <span className="compare-outcome">
      A takes{' '}
      <b>
        <Figure shown={duration(Math.round(Math.abs(more)))} /> {more > 0 ? 'longer' : 'less'}
      </b>
    </span>
  )
}
