import { useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { Asked } from '../api/useQuestion.ts'
import { Answer } from '../design/State.tsx'
import { SearchForm } from './SearchForm.tsx'

/** The search, and below it what it found; what is wrong with a query is told where it stands. */
export function Answered<Told>(props: {
  asked: Asked<Told>
  /** First word of the question's key, to call it off. */
  name: string
  /** What was asked for, in words: "the traces". */
  what: string
  children: (answer: Told) => ReactNode
}) {
  const { asked, name, what, children } = props
  const queries = useQueryClient()
  return (
    <div className="traces">
      <h1 className="visually-hidden">Traces</h1>
      <SearchForm error={asked.error} />
      <div className="traces-answer">
        <Answer asked={asked} what={what} onCancel={() => void queries.cancelQueries({ queryKey: [name] })}>
          {(answer, stale) => (
            <div className="stale traces-stale" data-stale={stale}>
              {children(answer)}
            </div>
          )}
        </Answer>
      </div>
    </div>
  )
}
