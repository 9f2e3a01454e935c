import type { FastifyInstance } from 'fastify'
import { AppError } from '../../base/errors.ts'
import { diagnose } from '../diagnosis/diagnose.ts'
import { parseDuration, parseTime } from '../http/times.ts'
import { heatmap } from '../questions/heatmap.ts'
import { askerOf, type RouteContext } from './context.ts'
import { diagnosisQuery, heatmapQuery, type DiagnosisQuery, type HeatmapQuery } from './schemas.ts'
import { searchFilter } from './traces.ts'

export function whyRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: HeatmapQuery }>(
    '/api/heatmap',
    { schema: { summary: 'Spans that match, by start and duration', querystring: heatmapQuery } },
    (request) => {
      const { of = 'spans', columns = 120 } = request.query
      return heatmap(askerOf(context, request), searchFilter(request.query), of, columns)
    },
  )
  app.get<{ Querystring: DiagnosisQuery }>(
    '/api/diagnosis',
    { schema: { summary: 'What the selected spans have that the others have not', querystring: diagnosisQuery } },
    (request) => {
      const { of = 'spans', ...asked } = request.query
      return diagnose(askerOf(context, request), searchFilter(asked), of, selectionOf(asked))
    },
  )
}

function selectionOf(asked: DiagnosisQuery): Parameters<typeof diagnose>[3] {
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
