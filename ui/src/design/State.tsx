import { useEffect, useState, type ReactNode } from 'react'
import { ApiError, rowsRead } from '../api/client.ts'
import type { Asked } from '../api/useQuestion.ts'
import { count, text } from '../numbers/format.ts'

/** Nothing to show: why, and a way on. */
export function Empty({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="state" role="status">
      <div className="state-title">{title}</div>
      {children !== undefined && <div>{children}</div>}
      {actions !== undefined && <div className="state-actions">{actions}</div>}
    </div>
  )
}

/** A question failed: what happened in plain words, what to do, and a way to ask again. The query stays as it was. */
export function Failed({ error, onRetry, what }: { error: Error; onRetry: () => void; what: string }) {
  const advice = error instanceof ApiError ? error.advice : 'Try again.'
  return (
    <div className="state state-error" role="alert">
      <div className="state-title">Could not load {what}</div>
      <div>
        {error.message} {advice}
      </div>
      <div className="state-actions">
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      </div>
    </div>
  )
}

/** A question was called off before its first answer: the page says so instead of standing empty. */
export function Stopped({ onRetry }: { onRetry: () => void }) {
  return (
    <Empty
      title="Cancelled"
      actions={
        <button type="button" className="button" onClick={onRetry}>
          Ask again
        </button>
      }
    >
      Nothing has been loaded yet.
    </Empty>
  )
}

/** A thin bar after 150 ms; after a second the time it takes and a way to call it off; then what the store has read so far. */
export function Waiting({ active, onCancel }: { active: boolean; onCancel?: () => void }) {
  const [elapsed, setElapsed] = useState(0)
  useEffect(() => {
    setElapsed(0)
    if (!active) return
    const started = performance.now()
    const first = setTimeout(() => setElapsed(150), 150)
    const timer = setInterval(() => setElapsed(performance.now() - started), 500)
    return () => {
      clearTimeout(first)
      clearInterval(timer)
    }
  }, [active])
  if (!active || elapsed < 150) return null
  return (
    <>
      <div className="bar" role="progressbar" aria-label="Loading" />
      {elapsed >= 1000 && onCancel !== undefined && (
        <div className="bar-wait">
          <span>
            Working for {Math.floor(elapsed / 1000)} s
            <RowsRead />
          </span>
          <button type="button" className="button button-quiet" onClick={onCancel}>
            Cancel
          </button>
        </div>
      )}
    </>
  )
}

const pollsMs = 1000

/** Of all that takes long: what the store has read of it. */
function RowsRead() {
  const [rows, setRows] = useState<number>()
  useEffect(() => {
    const left = new AbortController()
    const poll = async (): Promise<void> => setRows(await rowsRead(pollsMs, left.signal))
    // Nothing is lost where it cannot be told.
    const timer = setInterval(() => void poll().catch(() => undefined), pollsMs)
    return () => {
      clearInterval(timer)
      left.abort()
    }
  }, [])
  return rows === undefined || rows === 0 ? null : <>: {text(count(rows))} rows read</>
}

/**
 * What a question brought, or why it is not there. `children` gets the answer, and whether it is an older one that waits to
 * be replaced.
 *
 * @param what was asked for, in words: "the traces"
 * @param busy something else that is asked for is on its way, too
 */
export function Answer<Told>(props: {
  asked: Asked<Told>
  what: string
  busy?: boolean
  onCancel?: () => void
  children: (answer: Told, stale: boolean) => ReactNode
}) {
  const { asked, what, busy = false, onCancel, children } = props
  const { data, error, isFetching, isPlaceholderData, refetch } = asked
  const retry = (): void => void refetch()
  return (
    <>
      <Waiting active={isFetching || busy} {...(onCancel && { onCancel })} />
      {error !== null && <Failed error={error} what={what} onRetry={retry} />}
      {error === null && data === undefined && !isFetching && <Stopped onRetry={retry} />}
      {error === null && data !== undefined && children(data, isPlaceholderData && isFetching)}
    </>
  )
}
