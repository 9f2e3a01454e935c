import './why.css'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { heatmapQuestion, type TraceFilter } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { Empty, Failed, Waiting } from '../design/State.tsx'
import { useClock } from '../frame/clock.tsx'
import { changed } from '../frame/search.ts'
import { areaFromUrl, areaToUrl, selectionOf, whichOf, type Area } from './area.ts'
import { Heatmap } from './Heatmap.tsx'
import { Why } from './Why.tsx'

const how: Readonly<Record<Area['kind'], string>> = {
  slow: 'that are slowest',
  failed: 'that failed',
  box: 'in the area',
}

/** The heat map of what the search matches, and below it what explains the area that is selected; else the list. */
export function Explore({ filter, heading, list }: { filter: TraceFilter; heading: ReactNode; list: ReactNode }) {
  const clock = useClock()
  const queries = useQueryClient()
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const which = whichOf(search)
  const area = areaFromUrl(search.area)
  const { data, error, isFetching, isPlaceholderData, refetch } = useQuestion(heatmapQuestion(clock, filter, which))
  const set = (change: { area?: string | undefined; of?: string | undefined }): void =>
    void navigate({ to: '.', search: changed(search, change) })
  const selection = data === undefined || area === undefined ? undefined : selectionOf(area, data)
  return (
    <>
      <div className="heat">
        <Waiting active={isFetching} onCancel={() => void queries.cancelQueries({ queryKey: ['heatmap'] })} />
        {error !== null && <Failed error={error} what="the heat map" onRetry={() => void refetch()} />}
        {error === null && data?.spans === 0 && (
          <Empty
            title={`No ${which} match`}
            actions={
              which === 'requests' && (
                <button type="button" className="button button-main" onClick={() => set({ of: 'spans' })}>
                  Show all spans
                </button>
              )
            }
          >
            {which === 'requests' ? 'Spans that match serve no request, or have no duration.' : 'None has a duration.'}
          </Empty>
        )}
        {error === null && data !== undefined && data.spans > 0 && (
          <div className="stale" data-stale={isPlaceholderData && isFetching}>
            <Heatmap map={data} what={which} area={area} onSelect={(box) => set({ area: areaToUrl(box) })} />
          </div>
        )}
      </div>
      {heading}
      {area === undefined || data === undefined ? (
        list
      ) : selection === undefined ? (
        <Empty title="None is slower than the others">All of them take about as long.</Empty>
      ) : (
        <Why
          filter={filter}
          which={which}
          selection={selection}
          how={how[area.kind]}
          onClose={() => set({ area: undefined })}
        />
      )}
    </>
  )
}
