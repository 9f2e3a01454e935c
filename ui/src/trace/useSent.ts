import { useEffect, useState } from 'react'
import type { Node, TraceModel } from './model.ts'
import type { Sent } from './sent.ts'

/** Whoever walks from span to span does not ask for each. */
const settlesMs = 80

/** What was sent of a span, asked for where it is not at hand. */
export function useSent({ sent }: TraceModel, node: Node): { sent: Sent | undefined; error: Error | undefined } {
  // Tells that something has come in; what it is stands in `sent`.
  const [came, setCame] = useState<{ readonly id: string; readonly error?: Error }>()
  const { id, isGhost } = node
  const known = sent.of(node)
  const isWanted = known === undefined && !isGhost
  useEffect(() => {
    if (!isWanted) return
    const gone = new AbortController()
    const timer = setTimeout(() => {
      sent.load([node], gone.signal).then(
        () => {
          if (sent.of(node) !== undefined) setCame({ id })
          else setCame({ id, error: new Error('It is no longer stored.') })
        },
        (error: unknown) => {
          if (!gone.signal.aborted) setCame({ id, error: error instanceof Error ? error : new Error(String(error)) })
        },
      )
    }, settlesMs)
    return () => {
      clearTimeout(timer)
      gone.abort()
    }
    // The id stands for the node, which is another object each time.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [sent, id, isWanted])
  return { sent: known, error: known === undefined && came?.id === id ? came.error : undefined }
}
