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
  /** More exists than the answer lists. */
  isCut?: (answer: Told) => boolean
  children: (answer: Told) => ReactNode
}) {
  const { asked, what, none, isEmpty, isCut, children } = props
  return (
    <div className="service-part">
      <Answer asked={asked} what={what}>
        {(answer, stale) => {
          const cut = isCut?.(answer) === true
          return (
            <div className="stale service-part" data-stale={stale} data-cut={cut}>
              {isEmpty(answer) ? <Empty title={none} /> : children(answer)}
              {cut && (
                <p className="service-cut" role="status">
                  More exist than are listed: a shorter time range has fewer.
                </p>
              )}
            </div>
          )
        }}
      </Answer>
    </div>
  )
}
