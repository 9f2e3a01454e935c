import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { MetricSeries, MetricsAnswer } from '../../../query-api/types.ts'
import { metricsQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { LineChart, type Line } from '../chart/LineChart.tsx'
import { serviceColour } from '../colour/service.ts'
import { DataTable } from '../design/DataTable.tsx'
import { Empty } from '../design/State.tsx'
import type { TableColumn } from '../design/table.ts'
import { useClock } from '../frame/clock.tsx'
import { changed } from '../frame/search.ts'
import { useSort } from '../frame/useSort.ts'
import { count, text } from '../numbers/format.ts'
import { Answered } from './Answered.tsx'
import { Download } from './Download.tsx'
import { isOfDurations, metricFormat, spansOf } from './metrics.ts'

/** What a metrics query asks for, as lines over time and as a table of them. */
export function MetricsView({ query }: { query: string }) {
  const clock = useClock()
  const asked = useQuestion(metricsQuestion(clock, query))
  return (
    <Answered asked={asked} name="metrics" what="the figures">
      {(answer) => <Found answer={answer} query={query} />}
    </Answered>
  )
}

interface Row {
  readonly line: Line
  readonly last: number | undefined
  readonly mean: number | undefined
  readonly max: number | undefined
}

function Found({ answer, query }: { answer: MetricsAnswer; query: string }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const sorted = useSort()
  const [only, setOnly] = useState<string>()
  const { times, rows } = useMemo(() => read(answer), [answer])
  const format = useMemo(() => metricFormat(query), [query])
  if (rows.length === 0) return <Empty title="No spans match in this time range">There is nothing to draw.</Empty>
  const one = rows.filter(({ line }) => line.key === only)
  const lines = (one.length > 0 ? one : rows).map(({ line }) => line)
  const columns = columnsOf(format, only, setOnly)
  const spans = spansOf(query)
  return (
    <div className="traces-metrics">
      <div className="metrics-chart">
        <LineChart
          label={`Figures over time of ${rows.length} series; the table below lists them`}
          times={times}
          step={Number(answer.step) / 1e6}
          lines={lines}
          format={format}
          onRange={(from, to) => clock.setRange({ kind: 'between', from, to })}
          onStep={(from, to) => {
            if (spans === undefined) return
            clock.setRange({ kind: 'between', from, to })
            void navigate({ to: '.', search: (was) => changed(was, { q: spans }) })
          }}
        />
      </div>
      <div className="traces-heading" role="status">
        {answer.more ? `The ${text(count(rows.length))} series of most spans; more exist` : `${rows.length} series`}
        {answer.cut && <span className="muted">Not all traces that may match were looked at.</span>}
        {isOfDurations(query) && <span className="muted">Durations.</span>}
        <Download name="series" rows={answer.series} columns={downloadColumns(answer)} />
        <span className="traces-charts">
          {spans !== undefined && (
            <button
              type="button"
              className="button button-quiet"
              onClick={() => void navigate({ to: '.', search: changed(search, { q: spans }) })}
            >
              Show the traces
            </button>
          )}
        </span>
      </div>
      <DataTable
        label="Series"
        columns={columns}
        rows={rows}
        keyOf={({ line }) => line.key}
        {...sorted}
        onOpen={({ line }) => setOnly(line.key === only ? undefined : line.key)}
      />
    </div>
  )
}

function columnsOf(
  format: (value: number) => string,
  only: string | undefined,
  setOnly: (key: string | undefined) => void,
): TableColumn<Row>[] {
  return [
    {
      id: 'series',
      label: 'Series',
      width: 'minmax(var(--col-name), 4fr)',
      sort: ({ line }) => line.label,
      cell: ({ line }) => (
        <button
          type="button"
          className="table-link cut"
          aria-pressed={line.key === only}
          title={line.key === only ? 'Show all lines' : `Show only ${line.label}`}
          onClick={() => setOnly(line.key === only ? undefined : line.key)}
        >
          <span className="swatch" style={{ background: line.colour }} aria-hidden="true" /> <bdi>{line.label}</bdi>
        </button>
      ),
    },
    ...(['last', 'mean', 'max'] as const).map((id): TableColumn<Row> => ({
      id,
      label: { last: 'Last', mean: 'Mean', max: 'Max' }[id],
      width: 'var(--col-duration)',
      number: true,
      sort: (row) => row[id],
      cell: (row) => {
        const value = row[id]
        return value === undefined ? (
          <span className="list-none">–</span>
        ) : (
          <span className="number">{format(value)}</span>
        )
      },
    })),
  ]
}

function read({ times, series }: MetricsAnswer): { times: number[]; rows: Row[] } {
  return {
    times: times.map((time) => Number(time) / 1e6),
    rows: series.map(({ labels, values }): Row => {
      const told = values.filter((value) => value !== null)
      const label = labelOf(labels)
      return {
        line: {
          key: JSON.stringify(labels),
          label,
          values,
          colour: serviceColour(labels.length > 1 && labels[1]?.name === 'p' ? labelOf(labels.slice(0, 1)) : label),
        },
        last: told.at(-1),
        mean: told.length === 0 ? undefined : told.reduce((sum, value) => sum + value, 0) / told.length,
        max: told.length === 0 ? undefined : told.reduce((a, b) => Math.max(a, b)),
      }
    }),
  }
}

/** The values of the labels; their names stand in the query. */
const labelOf = (labels: MetricSeries['labels']): string =>
  labels
    .map(({ name, value }) =>
      value === null
        ? `no ${name}`
        : name === 'p'
          ? `p${Number((Number(value.text) * 100).toPrecision(6))}`
          : value.text,
    )
    .join(' · ')

const downloadColumns = ({ times }: MetricsAnswer): Record<string, (series: MetricSeries) => string> => ({
  series: ({ labels }) => labelOf(labels),
  ...Object.fromEntries(times.map((time, at) => [time, ({ values }: MetricSeries) => String(values[at] ?? '')])),
})
