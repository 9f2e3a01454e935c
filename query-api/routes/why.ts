import type { FastifyInstance } from 'fastify'
import { AppError } from '../../base/errors.ts'
import { diagnose } from '../diagnosis/diagnose.ts'
import type { Selection } from '../diagnosis/selection.ts'
import { parseDuration, parseTime } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import { heatmap } from '../questions/heatmap.ts'
import type { DiagnosisAnswer, HeatmapAnswer } from '../types.ts'
import { askerOf, type RouteContext } from './context.ts'
import { diagnosisQuery, heatmapQuery, type DiagnosisQuery, type HeatmapQuery } from './schemas.ts'
import { conditionOf } from './read-filters.ts'

export function whyRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: HeatmapQuery }>(
    '/api/heatmap',
    { schema: { summary: 'Spans that match, by start and duration', querystring: heatmapQuery } },
    (request) => askHeatmap(askerOf(context, request), request.query),
  )
  app.get<{ Querystring: DiagnosisQuery }>(
    '/api/diagnosis',
    { schema: { summary: 'What the selected spans have that the others have not', querystring: diagnosisQuery } },
    (request) => askDiagnosis(askerOf(context, request), request.query),
  )
}

async function askHeatmap(asker: Asker, asked: HeatmapQuery): Promise<HeatmapAnswer> {
  const { of: which = 'spans', columns = 120 } = asked
  return heatmap(asker, { ...(await conditionOf(asker, asked)), which }, columns)
}

async function askDiagnosis(asker: Asker, asked: DiagnosisQuery): Promise<DiagnosisAnswer> {
  const { of: which = 'spans' } = asked
  const selection = selectionOf(asked)
  return diagnose(asker, { ...(await conditionOf(asker, asked)), which }, selection)
}

function selectionOf(asked: DiagnosisQuery): Selection {
  const { selectedStart, selectedEnd, selectedMin, selectedBelow, failed } = asked
  if ((selectedStart === undefined) !== (selectedEnd === undefined)) {
    throw new AppError('BAD_INPUT', 'selectedStart and selectedEnd go together')
  }
  const selection = {
    ...(selectedStart === undefined || selectedEnd === undefined
      ? {}
      : { window: { start: parseTime(selectedStart, 'selectedStart'), end: parseTime(selectedEnd, 'selectedEnd') } }),
    ...(selectedMin === undefined ? {} : { minDuration: parseDuration(selectedMin, 'selectedMin') }),
    ...(selectedBelow === undefined ? {} : { belowDuration: parseDuration(selectedBelow, 'selectedBelow') }),
    ...(failed === true ? { failed } : {}),
  }
  if (Object.keys(selection).length === 0) {
    throw new AppError('BAD_INPUT', 'nothing is selected: give a time range, a duration, or failed=true')
  }
  return selection
}
