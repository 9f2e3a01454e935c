import { AppError } from '../../base/errors.ts'
import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { windowParams } from '../questions/spans.ts'
import { TraceqlError } from './error.ts'
import { Conditions } from './sql.ts'
import type { Expression } from './syntax.ts'

/**
 * Compiles once to see which resources and regular expressions are asked for, and again without the resources that nobody
 * has: a subquery that finds none would keep the indexes from leaving out granules. Throws TraceqlError.
 */
export async function compiled(
  asker: Asker,
  window: TimeWindow,
  conditions: readonly (Expression | undefined)[],
  prefix?: string,
): Promise<Conditions> {
  const draft = new Conditions(undefined, prefix)
  for (const condition of conditions) draft.condition(condition)
  await Promise.all([...draft.regularExpressions].map(([pattern, place]) => checkPattern(asker, pattern, place)))
  const none = new Set<string>()
  await Promise.all(
    [...draft.resources].map(async (subquery) => {
      const rows = await all(asker, {
        name: 'search_resources',
        sql: `${subquery} LIMIT 1`,
        params: { ...draft.params, ...windowParams(window) },
        maxRows: 1,
        decode: () => true,
      })
      if (rows.length === 0) none.add(subquery)
    }),
  )
  return new Conditions(none, prefix)
}

async function checkPattern(asker: Asker, pattern: string, place: { start: number; end: number }): Promise<void> {
  try {
    await all(asker, {
      name: 'regular_expression',
      sql: `SELECT match('', concat('^(?:', {pattern:String}, ')$'))`,
      params: { pattern },
      maxRows: 1,
      ofServer: true,
      decode: () => true,
    })
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'BAD_INPUT') throw error
    throw new TraceqlError('this is no regular expression in the syntax of RE2', place)
  }
}
