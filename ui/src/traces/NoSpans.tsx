import { useNavigate, useSearch } from '@tanstack/react-router'
import { Empty } from '../design/State.tsx'
import { useClock } from '../frame/clock.tsx'
import { changed } from '../frame/search.ts'
import { TwiceTheTime } from '../frame/TwiceTheTime.tsx'
import { count, text } from '../numbers/format.ts'
import { filterCount, filterOf, noFilter } from './filter.ts'

/** Nothing matches: why, and ways on. `spans`: how many start in the time range whatever the filter, where that is known. */
export function NoSpans({ spans }: { spans?: number }) {
  const clock = useClock()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const filters = filterCount(filterOf(search))
  const lastDay = (
    <button type="button" className="button" onClick={() => clock.setRange({ kind: 'last', ms: 86_400_000 })}>
      Last 1 day
    </button>
  )
  if (filters === 0) {
    return (
      <Empty
        title="No traces in this time range"
        actions={
          <>
            <TwiceTheTime />
            {lastDay}
          </>
        }
      >
        {spans === undefined || spans === 0 ? 'No span starts in it.' : `${text(count(spans))} spans start in it.`}{' '}
        Earlier ones may exist.
      </Empty>
    )
  }
  return (
    <Empty
      title="No spans match"
      actions={
        <>
          {spans !== 0 && (
            <button
              type="button"
              className="button button-main"
              onClick={() => void navigate({ to: '.', search: changed(search, noFilter) })}
            >
              Clear {filters === 1 ? 'the filter' : `all ${filters} filters`}
            </button>
          )}
          <TwiceTheTime />
          {spans === 0 && lastDay}
        </>
      }
    >
      {spans === 0
        ? 'There are none in this time range, with or without the filters.'
        : spans !== undefined &&
          `${text(count(spans))} spans in this range without the ${filters === 1 ? 'filter' : 'filters'}.`}
    </Empty>
  )
}
