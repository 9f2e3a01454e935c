import type { ReactNode } from 'react'
import type { Asked } from '../api/useQuestion.ts'
import { Empty, Failed, Stopped, Waiting } from '../design/State.tsx'

/** One part of a page: its answer, or why there is none. */
export function Part<Answer>(props: {
  asked: Asked<Answer>
  what: string
  /** Told when `isEmpty`. */
  none: string
  isEmpty: (answer: Answer) => boolean
  children: (answer: Answer) => ReactNode
}) {
  const { asked, what, none, isEmpty, children } = props
  const { data, error, isFetching, isPlaceholderData, refetch } = asked
  return (
    <div className="service-part">
      <Waiting active={isFetching} />
      {error !== null && <Failed error={error} what={what} onRetry={() => void refetch()} />}
      {error === null && data === undefined && !isFetching && <Stopped onRetry={() => void refetch()} />}
      {error === null && data !== undefined && (
        <div className="stale service-part" data-stale={isPlaceholderData && isFetching}>
          {isEmpty(data) ? <Empty title={none} /> : children(data)}
        </div>
      )}
    </div>
  )
}
