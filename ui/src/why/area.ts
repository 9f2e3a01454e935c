import type { HeatmapAnswer } from '../../../query-api/types.ts'
import type { Which } from '../api/questions.ts'
import type { Search } from '../frame/search.ts'

/** What is selected of a heat map: the slowest, the failed, or an area of it. */
export type Area = { readonly kind: 'slow' } | { readonly kind: 'failed' } | Box

/** Whole milliseconds since the epoch, nanoseconds; `below` undefined: to the top. */
export interface Box {
  readonly kind: 'box'
  readonly from: number
  readonly to: number
  readonly min: string
  readonly below: string | undefined
}

export const whichOf = (search: Search): Which => (search.of === 'spans' ? 'spans' : 'requests')

/** The share of all spans that "slow" selects, at most: whole rows of the heat map. */
const slowShare = 0.05

/** Reads what the URL holds; undefined where it makes no sense. */
export function areaFromUrl(text: string | undefined): Area | undefined {
  if (text === 'slow' || text === 'failed') return { kind: text }
  const match = /^(\d{1,15})-(\d{1,15}),(\d{1,20})-(\d{0,20})$/.exec(text ?? '')
  if (match === null) return undefined
  const [, from = '', to = '', min = '', below = ''] = match
  return { kind: 'box', from: Number(from), to: Number(to), min, below: below === '' ? undefined : below }
}

export const areaToUrl = (area: Area): string =>
  area.kind === 'box' ? `${area.from}-${area.to},${area.min}-${area.below ?? ''}` : area.kind

/** The parameters that select it in GET /api/diagnosis; undefined when nothing can be slow. */
export function selectionOf(area: Area, map: HeatmapAnswer): Record<string, string | boolean | undefined> | undefined {
  if (area.kind === 'failed') return { failed: true }
  if (area.kind === 'slow') {
    const row = slowRow(map)
    return row === undefined ? undefined : { selectedMin: map.edges[row] }
  }
  return {
    selectedStart: `${area.from}000000`,
    selectedEnd: `${area.to}000000`,
    selectedMin: area.min,
    selectedBelow: area.below,
  }
}

/** The row from which on spans are "slow"; undefined when all are in one row. */
export function slowRow({ cells, edges, spans }: HeatmapAnswer): number | undefined {
  const rows = edges.map(() => 0)
  for (let at = 0; at < cells.length; at += 4) rows[cells[at + 1] ?? 0]! += cells[at + 2] ?? 0
  const filled = rows.flatMap((count, row) => (count > 0 ? [row] : []))
  let above = 0
  let slow: number | undefined
  for (const row of filled.slice(1).toReversed()) {
    above += rows[row] ?? 0
    if (slow !== undefined && above > slowShare * spans) break
    slow = row
  }
  return slow
}
