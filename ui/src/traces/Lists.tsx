import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { carried, changed, type Search } from '../frame/search.ts'
import { filterOf, toTraceql, withCondition } from './filter.ts'

const lists = [
  { list: undefined, label: 'Traces', title: 'The traces of the spans that match' },
  { list: 'spans', label: 'Spans', title: 'The spans that match, with columns of your choice' },
  {
    list: 'groups',
    label: 'Groups',
    title: 'The spans that match by the values of a field: rate, errors, percentiles',
  },
] as const

/** The same filter as the topology takes it; without any, none. */
function topologyOf(search: Search): { q?: string } {
  const q = toTraceql(filterOf(search))
  return q === '{ }' ? {} : { q }
}

/** As what it is listed that matches. */
export const listOf = (search: Search): 'traces' | 'spans' | 'groups' =>
  search.list === 'spans' || search.list === 'groups' ? search.list : 'traces'

export function Lists() {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  return (
    <span className="search-lists" role="group" aria-label="List">
      <button
        type="button"
        className="button button-quiet"
        title="How many of the spans that match have which value"
        aria-pressed={search.facets !== undefined}
        onClick={() =>
          void navigate({
            to: '.',
            search: changed(search, { facets: search.facets === undefined ? 'on' : undefined }),
          })
        }
      >
        Facets
      </button>
      {lists.map(({ list, label, title }) => (
        <button
          key={label}
          type="button"
          className="button button-quiet"
          title={title}
          aria-pressed={listOf(search) === (list ?? 'traces')}
          onClick={() => void navigate({ to: '.', search: changed(search, { list, sort: undefined }) })}
        >
          {label}
        </button>
      ))}
      {(search.q === undefined || withCondition(search.q, 'true') !== undefined) && (
        <Link
          className="button button-quiet"
          to="/topology"
          title="Who calls whom in what matches"
          search={{ ...carried(search), ...topologyOf(search) }}
        >
          Topology
        </Link>
      )}
    </span>
  )
}
