import { useEffect, useState } from 'react'
import { shapeOf, type Layout, type LayoutJob, type GraphAnswer } from './graph.ts'

export interface LaidOut {
  readonly layout: Layout
  readonly shape: string
}

/** The places of the nodes, worked out in a worker; the old ones stay until the new ones are there. */
export function useLayout(answer: GraphAnswer | undefined, size: { width: number; height: number }) {
  const [laid, setLaid] = useState<LaidOut>()
  const [failed, setFailed] = useState<Error>()
  const shape = answer === undefined ? undefined : shapeOf(answer)
  const { width, height } = size
  useEffect(() => {
    if (answer === undefined || shape === undefined) return
    let worker: Worker | undefined
    // Not at once: what is replaced in the same breath starts no worker, whose script would be fetched for nothing.
    const soon = setTimeout(() => {
      worker = new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' })
      worker.onmessage = (event: MessageEvent<Layout>) => {
        setLaid({ layout: event.data, shape })
        setFailed(undefined)
      }
      worker.onerror = (event) => setFailed(new Error(event.message === '' ? 'The layout failed.' : event.message))
      const job: LayoutJob = {
        nodes: answer.nodes.map(({ id }) => ({ id, width, height })),
        edges: answer.edges.map(({ source, target }) => ({ source, target })),
        boxes: answer.boxes ?? [],
      }
      worker.postMessage(job)
    })
    return () => {
      clearTimeout(soon)
      worker?.terminate()
    }
    // The shape stands for the answer: with the same nodes and edges the picture stays.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [shape, width, height])
  return { laid, failed }
}
