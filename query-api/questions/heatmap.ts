import type { HeatmapAnswer } from '../types.ts'
import { all, type Asker } from './ask.ts'
import { durationEdge, durationEdges, rowOfEdge } from './duration-scale.ts'
import { matching, type Matching } from './matching.ts'
import { isError, windowParams } from './spans.ts'

/** The spans that match by start and duration, every one counted. `columns`: how many steps of time at most. */
export async function heatmap(asker: Asker, asked: Matching, columns: number): Promise<HeatmapAnswer> {
  const { start, end } = asked.window
  const step = (end - start + BigInt(columns) - 1n) / BigInt(columns)
  const condition = matching(asked)
  const cells = await all(asker, {
    name: 'heatmap',
    sql: `SELECT intDiv(start_ns - {start:UInt64}, {step:UInt64}) AS column, ${durationEdge} AS edge,
        count() AS spans, countIf(${isError}) AS errors
      FROM spans WHERE ${condition.sql}
      GROUP BY column, edge ORDER BY column, edge`,
    params: { ...condition.params, step: step.toString() },
    maxRows: columns * durationEdges.length,
    decode: (row) => [Number(row[0]), rowOfEdge(row[1]), Number(row[2]), Number(row[3])] as const,
  })
  return {
    ...windowParams(asked.window),
    step: step.toString(),
    columns: Number((end - start + step - 1n) / step),
    edges: durationEdges.map(String),
    cells: cells.flat(),
    spans: cells.reduce((sum, [, , spans]) => sum + spans, 0),
    errors: cells.reduce((sum, [, , , errors]) => sum + errors, 0),
  }
}
