import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { GroupRow } from '../../../query-api/types.ts'
import { groupsQuestion, type TraceFilter } from '../api/questions.ts'
import { Icon } from '../design/Icon.tsx'
import { Swatch } from '../design/Figure.tsx'
import { useClock } from '../frame/clock.tsx'
import { changed } from '../frame/search.ts'
import { count, text } from '../numbers/format.ts'
import { FieldPick } from './FieldPick.tsx'
import { filterOf } from './filter.ts'
import { narrowed, widened } from './narrow.ts'
import { valueTextOf } from './typed.ts'

const always = [
  { field: 'resource.service.name', label: 'Service' },
  { field: 'name', label: 'Operation' },
  { field: 'status', label: 'Status' },
  { field: 'kind', label: 'Kind' },
  { field: '.http.response.status_code', label: 'HTTP status' },
] as const
/** Values of each; the rest is a click on Groups away. */
const most = 8

/** How many of the spans that match have which value; a click adds it to the search, and takes it away again. */
export function Facets() {
  const search = useSearch({ from: '__root__' })
  const [added, setAdded] = useState<readonly string[]>([])
  const filter = filterOf(search)
  return (
    <aside className="facets" aria-label="Facets">
      {always.map(({ field, label }) => (
        <Facet key={field} field={field} label={label} filter={filter} />
      ))}
      {added.map((field) => (
        <Facet key={field} field={field} label={field} filter={filter} />
      ))}
      <FieldPick label="Add a facet" onPick={(field) => setAdded([...new Set([...added, field])])} />
    </aside>
  )
}

function Facet({ field, label, filter }: { field: string; label: string; filter: TraceFilter }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const { data, error } = useQuery(groupsQuestion(clock, filter, field, most))
  // What nothing has is no facet.
  const rows = (data?.groups ?? []).filter(({ value }) => value !== null)
  if (error === null && data !== undefined && rows.length === 0) return null
  return (
    <section className="facet" aria-label={label}>
      <header className="facet-head">
        <bdi className="cut" title={field}>
          {label}
        </bdi>
        {data?.more === true && (
          <button
            type="button"
            className="facet-all"
            onClick={() => void navigate({ to: '.', search: changed(search, { list: 'groups', by: field }) })}
          >
            all
          </button>
        )}
      </header>
      {error !== null && <p className="facet-none">{error.message}</p>}
      {rows.map((row) => (
        <FacetValue key={`${row.value?.type} ${row.value?.text}`} field={field} row={row} />
      ))}
    </section>
  )
}

function FacetValue({ field, row }: { field: string; row: GroupRow }) {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const back = widened(search, field, row.value)
  const change = back ?? narrowed(search, field, row.value)
  const shown = row.value === null ? '' : valueTextOf(row.value)
  return (
    <button
      type="button"
      className="facet-value"
      aria-pressed={back !== undefined}
      disabled={change === undefined}
      title={back === undefined ? `Only ${shown}` : `No longer only ${shown}`}
      onClick={() => change !== undefined && void navigate({ to: '.', search: changed(search, change) })}
    >
      {field === 'resource.service.name' && <Swatch service={shown} />}
      <bdi className="cut">{shown === '' ? '(empty)' : shown}</bdi>
      <span className="facet-count number">
        {back === undefined ? text(count(row.spans)) : <Icon name="close" size={12} />}
      </span>
    </button>
  )
}
