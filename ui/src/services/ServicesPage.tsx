import './services.css'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useRef, type ReactNode } from 'react'
import type { OperationRow, ServiceRow } from '../../../query-api/types.ts'
import { operationsQuestion, servicesQuestion } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { ErrorFigure, Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { SortHead } from '../design/SortHead.tsx'
import { Answer, Empty } from '../design/State.tsx'
import { useRows } from '../design/useRows.ts'
import { Approximately } from '../frame/Approximately.tsx'
import { Estimated, RequestCount } from '../frame/Estimated.tsx'
import { ProxySwitch } from '../frame/ProxySwitch.tsx'
import { useClock } from '../frame/clock.tsx'
import { useKeys } from '../frame/keys.ts'
import { shownName } from '../frame/names.ts'
import { carried, changed } from '../frame/search.ts'
import { TwiceTheTime } from '../frame/TwiceTheTime.tsx'
import { useTitle } from '../frame/useTitle.ts'
import { count, duration, rate, share } from '../numbers/format.ts'
import { columns, sorted, sortFromUrl } from './rows.ts'

type Line =
  | { readonly kind: 'service'; readonly row: ServiceRow }
  | { readonly kind: 'operation'; readonly service: string; readonly row: OperationRow }
  | { readonly kind: 'note'; readonly id: string; readonly text: string; readonly retry?: () => void }

const rowHeight = 32
/** Of the slowest: a shorter bar would look like a speck. */
const leastBar = 0.1

export function ServicesPage() {
  useTitle('Services')
  const clock = useClock()
  const queries = useQueryClient()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const asked = useQuestion(servicesQuestion(clock))
  const { data } = asked
  const opened = search.open ?? ''
  const operations = useQuery({ ...operationsQuestion(clock, opened), enabled: opened !== '' })
  const sort = sortFromUrl(search.sort)
  const filter = (search.filter ?? '').toLowerCase()
  const field = useRef<HTMLInputElement>(null)
  const set = (change: Parameters<typeof changed>[1], replace = false): void => {
    void navigate({ to: '.', search: (was) => changed(was, change), replace })
  }
  useKeys({
    '/': () => {
      field.current?.focus()
      field.current?.select()
    },
  })
  const services = data?.services ?? []
  const lines: Line[] = sorted(
    services.filter(({ name }) => name.toLowerCase().includes(filter)),
    sort,
  ).flatMap((row): Line[] => [{ kind: 'service', row }, ...(row.name === opened ? below(opened) : [])])

  function below(service: string): Line[] {
    const answer = operations.data?.service === service ? operations.data : undefined
    if (operations.error !== null) {
      const retry = (): void => void operations.refetch()
      return [
        { kind: 'note', id: 'failed', text: `The operations could not be loaded. ${operations.error.message}`, retry },
      ]
    }
    if (answer === undefined) return [{ kind: 'note', id: 'loading', text: 'Loading its operations' }]
    const rows: Line[] = sorted(answer.operations, sort).map((row) => ({ kind: 'operation', service, row }))
    if (rows.length === 0) rows.push({ kind: 'note', id: 'none', text: 'No operations in this time range.' })
    if (answer.more) rows.push({ kind: 'note', id: 'more', text: `The first ${rows.length} operations; more exist.` })
    return rows
  }

  return (
    <div className="services">
      <div className="page-head">
        <h1 className="page-title">Services</h1>
        <input
          ref={field}
          className="field services-filter"
          aria-label="Filter services by name"
          placeholder="Filter by name"
          spellCheck={false}
          autoComplete="off"
          value={search.filter ?? ''}
          onChange={(event) => set({ filter: event.target.value }, true)}
          onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
        />
        <span className="muted" role="status">
          {data !== undefined &&
            (filter === '' ? `${services.length} in this time range` : `${lines.length} of ${services.length}`)}
        </span>
        <Approximately of={data} />
        <Estimated of={data?.services} />
        <ProxySwitch of={data} />
      </div>
      <div className="services-answer">
        <Answer
          asked={asked}
          what="the services"
          busy={operations.isFetching}
          onCancel={() => void queries.cancelQueries({ queryKey: ['services'] })}
        >
          {(_, stale) =>
            lines.length === 0 ? (
              <Empty
                title={filter === '' ? 'No service sent a span in this time range' : 'No service of that name'}
                actions={
                  <>
                    {filter !== '' && (
                      <button type="button" className="button button-main" onClick={() => set({ filter: undefined })}>
                        Clear the filter
                      </button>
                    )}
                    <TwiceTheTime />
                  </>
                }
              >
                {filter === ''
                  ? 'Earlier ones may exist.'
                  : `${services.length} services in this range without the filter.`}
              </Empty>
            ) : (
              <div className="stale services-table" data-stale={stale}>
                <Table
                  lines={lines}
                  sort={search.sort}
                  opened={opened}
                  onSort={(next) => set({ sort: next }, true)}
                  onOpen={(name) => set({ open: name === opened ? undefined : name })}
                />
              </div>
            )
          }
        </Answer>
      </div>
    </div>
  )
}

interface TableProps {
  lines: readonly Line[]
  sort: string | undefined
  opened: string
  onSort: (sort: string) => void
  onOpen: (service: string) => void
}

function Table({ lines, sort: sortText, opened, onSort, onOpen }: TableProps) {
  const navigate = useNavigate()
  const search = useSearch({ from: '__root__' })
  const sort = sortFromUrl(sortText)
  const slowest = useMemo(
    () => lines.reduce((max, line) => (line.kind === 'note' ? max : Math.max(max, Number(line.row.p99 ?? 0))), 1),
    [lines],
  )
  const { scroller, virtual, marked, setMarked, move } = useRows(lines.length, rowHeight)
  const act = (line: Line | undefined): void => {
    if (line?.kind === 'service') onOpen(line.row.name)
    if (line?.kind === 'operation') {
      void navigate({
        to: '/traces',
        search: { ...carried(search), service: line.service, operation: line.row.name },
      })
    }
  }
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: (event) => {
      if (marked < 0 || (event.target instanceof Element && event.target.closest('a, button') !== null)) return false
      act(lines[marked])
      return true
    },
    Escape: () => (marked < 0 ? (opened === '' ? false : onOpen(opened)) : setMarked(-1)),
  })
  return (
    <div className="list" role="table" aria-label="Services" aria-rowcount={lines.length + 1}>
      <div className="list-head services-row" role="row">
        {columns.map((column) => (
          <SortHead key={column.id} column={column} sort={sort} onSort={onSort} />
        ))}
        <span role="columnheader">
          <span className="visually-hidden">Traces</span>
        </span>
      </div>
      <div className="list-body" ref={scroller} tabIndex={0} role="rowgroup" aria-label="Services found">
        <div className="list-size" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const line = lines[item.index]
            if (line === undefined) return null
            return (
              <div
                key={keyOf(line)}
                role="row"
                aria-rowindex={item.index + 2}
                className="list-row services-row"
                data-kind={line.kind}
                data-marked={item.index === marked}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                {line.kind === 'note' ? (
                  <span role="cell" className="services-note">
                    {line.text}{' '}
                    {line.retry !== undefined && (
                      <button type="button" className="button button-quiet" onClick={line.retry}>
                        Try again
                      </button>
                    )}
                  </span>
                ) : (
                  <Cells line={line} opened={opened} slowest={slowest} onOpen={onOpen} />
                )}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}

function keyOf(line: Line): string {
  if (line.kind === 'service') return `s ${line.row.name}`
  return line.kind === 'operation' ? `o ${line.row.name}` : `n ${line.id}`
}

function Cells(props: {
  line: Exclude<Line, { kind: 'note' }>
  opened: string
  slowest: number
  onOpen: (service: string) => void
}) {
  const { line, opened, slowest, onOpen } = props
  const search = useSearch({ from: '__root__' })
  const { row } = line
  const idle = row.requests === 0
  const tracesOf =
    line.kind === 'service'
      ? { ...carried(search), service: row.name }
      : { ...carried(search), service: line.service, operation: row.name }
  return (
    <>
      <span role="cell" className="services-name">
        {line.kind === 'service' ? (
          <button
            type="button"
            className="services-open"
            aria-expanded={row.name === opened}
            title={row.name}
            onClick={() => onOpen(row.name)}
          >
            <Icon name={row.name === opened ? 'down' : 'right'} size={12} />
            <Swatch service={row.name} />
            <bdi className="cut">{shownName(row.name)}</bdi>
          </button>
        ) : (
          <Link className="services-operation" to="/traces" search={tracesOf} title={row.name}>
            <bdi className="cut">{shownName(row.name)}</bdi>
          </Link>
        )}
      </span>
      <Cell none={idle}>
        <RequestCount {...row} />
      </Cell>
      <Cell none={idle}>{idle ? '–' : <Figure shown={rate(row.rate)} />}</Cell>
      <Cell none={row.errors === 0}>
        {row.errors === 0 ? idle ? '–' : '0' : <ErrorFigure shown={share(row.errors, row.requests)} />}
      </Cell>
      <Percentile value={row.p50} />
      <Percentile value={row.p90} />
      <Percentile value={row.p99} slowest={slowest} />
      <Cell none={false}>
        <Figure shown={count(row.spans)} />
      </Cell>
      <span role="cell" className="services-links">
        {line.kind === 'service' && (
          <Link
            className="button button-quiet"
            to="/service/$name"
            params={{ name: row.name }}
            search={carried(search)}
            aria-label={`Page of ${row.name}`}
          >
            Page
          </Link>
        )}
        <Link className="button button-quiet" to="/traces" search={tracesOf} aria-label={`Traces of ${row.name}`}>
          Traces
          <Icon name="right" size={12} />
        </Link>
      </span>
    </>
  )
}

function Cell({ none, children }: { none: boolean; children: ReactNode }) {
  return (
    <span role="cell" className={`list-number ${none ? 'list-none' : ''}`}>
      {children}
    </span>
  )
}

function Percentile({ value, slowest }: { value: string | null; slowest?: number }) {
  return (
    <span role="cell" className={`list-number services-percentile ${value === null ? 'list-none' : ''}`}>
      {value === null ? '–' : <Figure shown={duration(value)} />}
      {slowest !== undefined && Number(value) >= slowest * leastBar && (
        <span className="services-bar" aria-hidden="true">
          <span style={{ width: `${(Number(value) / slowest) * 100}%` }} />
        </span>
      )}
    </span>
  )
}
