import { useNavigate, useSearch } from '@tanstack/react-router'
import type { GroupRow, GroupsAnswer } from '../../../query-api/types.ts'
import { groupsQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { DataTable } from '../design/DataTable.tsx'
import { Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { changed } from '../frame/search.ts'
import { count, duration, rate, share, text } from '../numbers/format.ts'
import { Answered } from './Answered.tsx'
import { Download } from './Download.tsx'
import { FieldPick } from './FieldPick.tsx'
import { filterOf } from './filter.ts'
import { Lists } from './Lists.tsx'
import { narrowed } from './narrow.ts'
import { NoSpans } from './NoSpans.tsx'
import { valueTextOf } from './typed.ts'

const mostGroups = 500

/** What matches, by the values of a field: a row narrows the search to its value. */
export function GroupList() {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const asked = useQuestion(groupsQuestion(clock, filterOf(search), search.by ?? 'resource.service.name', mostGroups))
  return (
    <Answered asked={asked} name="groups" what="the groups">
      {(answer) => <Found answer={answer} />}
    </Answered>
  )
}

function Found({ answer }: { answer: GroupsAnswer }) {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const { groups, by, more } = answer
  const shown = text(count(groups.length))
  const open = (row: GroupRow): void => {
    const change = narrowed(search, by, row.value)
    if (change !== undefined) void navigate({ to: '.', search: changed(search, { ...change, list: undefined }) })
  }
  return (
    <div className="traces-listed">
      <div className="traces-heading" role="status">
        {more
          ? `The ${shown} values of most spans; more exist`
          : `${shown} ${groups.length === 1 ? 'value' : 'values'}`}
        <span className="muted">of</span>
        <FieldPick
          key={by}
          label="Group by"
          value={by}
          onPick={(field) => void navigate({ to: '.', search: changed(search, { by: field }) })}
        />
        <Download name="groups" rows={groups} columns={downloadColumns} />
        <Lists />
      </div>
      {groups.length === 0 ? (
        <NoSpans />
      ) : (
        <DataTable
          label={`Spans by ${by}`}
          columns={columnsOf(by, open)}
          rows={groups}
          keyOf={({ value }) => `${value?.type} ${value?.text}`}
          sort={search.sort ?? '-spans'}
          onSort={(sort) => void navigate({ to: '.', search: changed(search, { sort }), replace: true })}
          onOpen={open}
        />
      )}
    </div>
  )
}

function columnsOf(by: string, open: (row: GroupRow) => void): TableColumn<GroupRow>[] {
  const percentile = (id: 'p50' | 'p90' | 'p99'): TableColumn<GroupRow> => ({
    id,
    label: id,
    width: 'var(--col-duration)',
    number: true,
    sort: (row) => (row[id] === null ? undefined : Number(row[id])),
    cell: (row) => (row[id] === null ? <span className="list-none">–</span> : <Figure shown={duration(row[id])} />),
  })
  return [
    {
      id: 'value',
      label: by,
      width: 'minmax(var(--col-name), 4fr)',
      sort: ({ value }) => value?.text,
      cell: (row) => {
        const shown = row.value === null ? undefined : valueTextOf(row.value)
        return (
          <button
            type="button"
            className="table-link cut"
            title={`Search for ${by} ${shown === undefined ? 'that is not there' : `= ${shown}`}`}
            onClick={() => open(row)}
          >
            {by === 'resource.service.name' && row.value !== null && <Swatch service={row.value.text} />}{' '}
            {shown === undefined ? <i className="muted">not there</i> : <bdi>{shown === '' ? '(empty)' : shown}</bdi>}
          </button>
        )
      },
    },
    {
      id: 'spans',
      label: 'Spans',
      width: 'var(--col-duration)',
      number: true,
      sort: ({ spans }) => spans,
      cell: ({ spans }) => <Figure shown={count(spans)} />,
    },
    {
      id: 'rate',
      label: 'Rate',
      width: 'var(--col-duration)',
      number: true,
      sort: (row) => row.rate,
      cell: (row) => <Figure shown={rate(row.rate)} />,
    },
    {
      id: 'errors',
      label: 'Errors',
      width: 'var(--col-duration)',
      number: true,
      sort: ({ errors, spans }) => errors / spans,
      cell: ({ errors, spans }) =>
        errors === 0 ? (
          <span className="list-none">0</span>
        ) : (
          <span className="list-error">
            <Icon name="error" size={12} />
            <Figure shown={share(errors, spans)} />
          </span>
        ),
    },
    percentile('p50'),
    percentile('p90'),
    percentile('p99'),
  ]
}

const downloadColumns: Readonly<Record<string, (row: GroupRow) => string>> = {
  value: ({ value }) => value?.text ?? '',
  spans: ({ spans }) => String(spans),
  errors: ({ errors }) => String(errors),
  ratePerSecond: (row) => String(row.rate),
  p50Nanos: ({ p50 }) => p50 ?? '',
  p90Nanos: ({ p90 }) => p90 ?? '',
  p99Nanos: ({ p99 }) => p99 ?? '',
}
