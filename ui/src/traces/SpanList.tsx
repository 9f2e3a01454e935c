import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { ListedSpan, SpansAnswer, TypedValue } from '../../../query-api/types.ts'
import { spansQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { DataTable } from '../design/DataTable.tsx'
import { Figure } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { shownName } from '../frame/names.ts'
import { carried, changed } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { count, duration, text } from '../numbers/format.ts'
import { serviceColumn } from '../services/figureColumns.tsx'
import { clock as clockTime, dayName, fraction, sameDay, toMs, utcNanos } from '../time/format.ts'
import { Answered } from './Answered.tsx'
import { Download } from './Download.tsx'
import { FieldPick } from './FieldPick.tsx'
import { filterOf, limitOf, orderOf } from './filter.ts'
import { NoSpans } from './NoSpans.tsx'
import { valueTextOf } from './typed.ts'
import { useTail, Waiting } from './useTail.tsx'

/** What matches as spans, with the columns that one chooses. */
export function SpanList() {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const asked = useQuestion(
    spansQuestion(clock, filterOf(search), orderOf(search), Number(limitOf(search)), search.columns ?? []),
  )
  return (
    <Answered asked={asked} name="spans" what="the spans">
      {(answer) => <Found answer={answer} isPlaceholder={asked.isPlaceholderData} />}
    </Answered>
  )
}

const keyOf = ({ traceId, spanId }: ListedSpan): string => traceId + spanId

function Found({ answer, isPlaceholder }: { answer: SpansAnswer; isPlaceholder: boolean }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const sorted = useSort()
  const { fields } = answer
  const tail = useTail(
    answer.spans,
    keyOf,
    clock.live && answer.order === 'newest' && sorted.sort === undefined,
    JSON.stringify([filterOf(search), limitOf(search), fields]),
    isPlaceholder,
  )
  const { shown: spans } = tail
  const link = useMemo(() => carried(search), [search])
  const longest = useMemo(() => spans.reduce((max, one) => Math.max(max, Number(one.durationNanos)), 1), [spans])
  const columns = columnsOf(fields, longest, clock.now, link)
  const shown = text(count(spans.length))
  const first = answer.order === 'newest' ? 'Newest' : 'Slowest'
  return (
    <div className="traces-listed">
      <div className="traces-heading" role="status">
        {answer.more ? `${first} ${shown} spans, more match` : `${shown} ${spans.length === 1 ? 'span' : 'spans'}`}
        {answer.cut && (
          <span className="muted">Not all traces that may match were looked at: narrow the query or the time.</span>
        )}
        <FieldPick
          label="Add a column"
          onPick={(field) =>
            void navigate({ to: '.', search: changed(search, { columns: [...new Set([...fields, field])] }) })
          }
        />
        {(search.columns ?? []).map((field) => (
          <span key={field} className="chip" title={field}>
            <bdi className="cut">{field}</bdi>
            <button
              type="button"
              className="chip-remove"
              aria-label={`Remove the column ${field}`}
              onClick={() =>
                void navigate({
                  to: '.',
                  search: changed(search, { columns: search.columns?.filter((one) => one !== field) }),
                })
              }
            >
              <Icon name="close" size={12} />
            </button>
          </span>
        ))}
        <Waiting tail={tail} />
        <Download name="spans" rows={spans} columns={downloadColumns(fields)} />
      </div>
      {spans.length === 0 ? (
        <NoSpans />
      ) : (
        <div className="tail" {...tail.holder}>
          <DataTable
            label="Spans"
            columns={columns}
            rows={spans}
            keyOf={keyOf}
            isFresh={tail.isFresh}
            {...sorted}
            onOpen={({ traceId, spanId }) =>
              void navigate({ to: '/trace/$traceId', params: { traceId }, search: { ...link, span: spanId } })
            }
          />
        </div>
      )}
    </div>
  )
}

function columnsOf(
  fields: readonly string[],
  longest: number,
  now: number,
  link: ReturnType<typeof carried>,
): TableColumn<ListedSpan>[] {
  return [
    {
      id: 'start',
      label: 'Started',
      width: 'var(--col-time)',
      sort: ({ startTimeUnixNano }) => Number(startTimeUnixNano),
      cell: ({ startTimeUnixNano }) => {
        const at = toMs(startTimeUnixNano)
        return (
          <span className="number" title={utcNanos(startTimeUnixNano)}>
            {sameDay(at, now) ? '' : `${dayName(at, now)} `}
            {clockTime(at)}
            <span className="list-fraction">{fraction(at)}</span>
          </span>
        )
      },
    },
    {
      id: 'name',
      label: 'Operation',
      width: 'minmax(var(--col-name), 3fr)',
      sort: ({ name }) => name,
      cell: ({ traceId, spanId, name }) => (
        <Link
          className="table-link cut"
          to="/trace/$traceId"
          params={{ traceId }}
          search={{ ...link, span: spanId }}
          title={name}
        >
          <bdi>{shownName(name)}</bdi>
        </Link>
      ),
    },
    serviceColumn(),
    ...fields.map((field, at): TableColumn<ListedSpan> => ({
      id: `field ${field}`,
      label: field,
      title: field,
      width: 'minmax(var(--col-duration), 2fr)',
      sort: ({ values }) => sortable(values[at]),
      cell: ({ values }) => <Value value={values[at]} />,
    })),
    {
      id: 'status',
      label: 'Status',
      width: 'var(--col-figure)',
      sort: ({ statusCode }) => statusCode,
      cell: ({ statusCode }) =>
        statusCode === 2 ? (
          <span className="list-error">
            <Icon name="error" size={12} /> Error
          </span>
        ) : (
          <span className="list-none">{statusCode === 1 ? 'OK' : '–'}</span>
        ),
    },
    {
      id: 'duration',
      label: 'Duration',
      width: 'var(--col-duration)',
      number: true,
      sort: ({ durationNanos }) => Number(durationNanos),
      cell: ({ durationNanos }) => (
        <span
          className="table-bar"
          style={{ '--part': `${(Number(durationNanos) / longest) * 100}%` } as React.CSSProperties}
        >
          <Figure shown={duration(durationNanos)} />
        </span>
      ),
    },
  ]
}

function Value({ value }: { value: TypedValue | null | undefined }) {
  if (value === null || value === undefined) return <span className="list-none">–</span>
  const shown = valueTextOf(value)
  return (
    <bdi className="cut" title={`${shown} (${value.type})`}>
      {shown === '' ? <i className="muted">empty</i> : shown}
    </bdi>
  )
}

const sortable = (value: TypedValue | null | undefined): string | number | undefined =>
  value === null || value === undefined
    ? undefined
    : ['int', 'double', 'duration'].includes(value.type)
      ? Number(value.text)
      : value.text

const downloadColumns = (fields: readonly string[]): Record<string, (span: ListedSpan) => string> => ({
  traceId: ({ traceId }) => traceId,
  spanId: ({ spanId }) => spanId,
  startTimeUnixNano: ({ startTimeUnixNano }) => startTimeUnixNano,
  durationNanos: ({ durationNanos }) => durationNanos,
  service: ({ service }) => service,
  name: ({ name }) => name,
  statusCode: ({ statusCode }) => String(statusCode),
  ...Object.fromEntries(fields.map((field, at) => [field, ({ values }: ListedSpan) => values[at]?.text ?? ''])),
})
