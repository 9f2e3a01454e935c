import { useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { Asked } from '../api/useQuestion.ts'
import { Failed, Stopped, Waiting } from '../design/State.tsx'
import { SearchForm } from './SearchForm.tsx'

/** The search, and below it what it found; what is wrong with a query is told where it stands. */
export function Answered<Answer>(props: {
  asked: Asked<Answer>
  /** First word of the question's key, to call it off. */
  name: string
  /** What was asked for, in words: "the traces". */
  what: string
  children: (answer: Answer) => ReactNode
}) {
  const { asked, name, what, children } = props
  const { data, error, isFetching, isPlaceholderData, refetch } = asked
  const queries = useQueryClient()
  return (
    <div className="traces">
      <h1 className="visually-hidden">Traces</h1>
      <SearchForm error={error} />
      <div className="traces-answer">
        <Waiting active={isFetching} onCancel={() => void queries.cancelQueries({ queryKey: [name] })} />
        {error !== null && <Failed error={error} what={what} onRetry={() => void refetch()} />}
        {error === null && data === undefined && !isFetching && <Stopped onRetry={() => void refetch()} />}
        {error === null && data !== undefined && (
          <div className="stale traces-stale" data-stale={isPlaceholderData && isFetching}>
            {children(data)}
          </div>
        )}
      </div>
    </div>
  )
}
