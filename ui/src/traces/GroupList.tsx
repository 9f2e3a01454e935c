import { useNavigate, useSearch } from '@tanstack/react-router'
import type { GroupRow, GroupsAnswer, RequestFigures } from '../../../query-api/types.ts'
import { groupsQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { DataTable } from '../design/DataTable.tsx'
import { Swatch } from '../design/Figure.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { Estimated } from '../frame/Estimated.tsx'
import { changed } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { count, text } from '../numbers/format.ts'
import { figureColumns } from '../services/figureColumns.tsx'
import { Answered } from './Answered.tsx'
import { Download } from './Download.tsx'
import { FieldPick } from './FieldPick.tsx'
import { filterOf } from './filter.ts'
import { narrowed } from './narrow.ts'
import { NoSpans } from './NoSpans.tsx'
import { valueTextOf } from './typed.ts'

const mostGroups = 500

type Row = Omit<GroupRow, 'spans'> & RequestFigures

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
  const sorted = useSort('-requests')
  const { by, more } = answer
  const groups = answer.groups.map(({ spans: requests, ...row }): Row => ({ ...row, requests }))
  const shown = text(count(groups.length))
  const open = (row: Row): void => {
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
        <Estimated of={groups} what="spans" />
        <Download name="groups" rows={answer.groups} columns={downloadColumns} />
      </div>
      {groups.length === 0 ? (
        <NoSpans />
      ) : (
        <DataTable
          label={`Spans by ${by}`}
          columns={columnsOf(by, open)}
          rows={groups}
          keyOf={({ value }) => `${value?.type} ${value?.text}`}
          {...sorted}
          onOpen={open}
        />
      )}
    </div>
  )
}

const columnsOf = (by: string, open: (row: Row) => void): TableColumn<Row>[] => [
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
  ...figureColumns('Spans'),
]

const downloadColumns: Readonly<Record<string, (row: GroupRow) => string>> = {
  value: ({ value }) => value?.text ?? '',
  spans: ({ spans }) => String(spans),
  errors: ({ errors }) => String(errors),
  ratePerSecond: (row) => String(row.rate),
  p50Nanos: ({ p50 }) => p50 ?? '',
  p90Nanos: ({ p90 }) => p90 ?? '',
  p99Nanos: ({ p99 }) => p99 ?? '',
}
