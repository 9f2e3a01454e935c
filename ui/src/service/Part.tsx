import type { ReactNode } from 'react'
import type { Asked } from '../api/useQuestion.ts'
import { Answer, Empty } from '../design/State.tsx'

/** One part of a page: its answer, or why there is none. */
export function Part<Told>(props: {
  asked: Asked<Told>
  what: string
  /** Told when `isEmpty`. */
  none: string
  isEmpty: (answer: Told) => boolean
  children: (answer: Told) => ReactNode
}) {
  const { asked, what, none, isEmpty, children } = props
  return (
    <div className="service-part">
      <Answer asked={asked} what={what}>
        {(answer, stale) => (
          <div className="stale service-part" data-stale={stale}>
            {isEmpty(answer) ? <Empty title={none} /> : children(answer)}
          </div>
        )}
      </Answer>
    </div>
  )
}
