import type { HeatmapAnswer } from '../../../query-api/types.ts'

/**
 * Which part of the spans takes less time than `nanos`, in whole percent, and of how many: within the row of the
 * distribution that it falls in, spans are taken to lie evenly on its logarithmic scale.
 */
export function rankOf(
  { edges, cells }: Pick<HeatmapAnswer, 'edges' | 'cells'>,
  nanos: number,
): { percent: number; of: number } {
  const byRow = new Map<number, number>()
  for (let at = 0; at < cells.length; at += 4) {
    const [row = 0, spans = 0] = [cells[at + 1], cells[at + 2]]
    byRow.set(row, (byRow.get(row) ?? 0) + spans)
  }
  let [below, of] = [0, 0]
  for (const [row, spans] of byRow) {
    of += spans
    const [from, to] = [Number(edges[row] ?? 0), Number(edges[row + 1] ?? Infinity)]
    if (nanos >= to) below += spans
    else if (nanos > from) below += spans * partOf(from, to, nanos)
  }
  return { percent: of === 0 ? 0 : Math.round((100 * below) / of), of }
}

/** How far into a row, on its scale. */
function partOf(from: number, to: number, nanos: number): number {
  const [low, high] = [Math.log(Math.max(from, 1)), Math.log(to)]
  return Number.isFinite(high) ? (Math.log(nanos) - low) / (high - low) : 0.5
}
