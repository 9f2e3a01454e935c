import type { TimeWindow } from '../http/times.ts'
import { all, type Asker } from './ask.ts'
import { resourcesWith, spanAlternatives, spanHasKey, type AttributeFilter, type Condition } from './filters.ts'
import { inWindow, statusCodes, windowParams } from './spans.ts'

/** What a search asks of ONE span; the traces of the spans that have it all are its result. */
export interface SearchFilter {
  readonly service?: string
  readonly operation?: string
  readonly minDuration?: bigint
  readonly maxDuration?: bigint
  readonly status?: 'unset' | 'ok' | 'error'
  readonly attributes: readonly AttributeFilter[]
}

/** A filter as SQL: a span matches where one of the branches holds. `params` are those of all but the window. */
export interface SearchCondition {
  readonly branches: readonly string[]
  readonly params: Readonly<Record<string, string>>
}

/**
 * A value can lie in maps of several types, each with an index or none. ORed together, one without an index keeps the
 * others from leaving out granules (137 ms instead of 9 for a rare integer in 4 million spans), so each alternative is a
 * branch of its own; up to so many branches, the rest of the alternatives are ORed.
 */
const maxBranches = 12

/** The filter as SQL over `spans`. Asks the store which resources an attribute filter could be about. */
export async function searchCondition(asker: Asker, filter: SearchFilter): Promise<SearchCondition> {
  const always: Condition[] = [{ sql: inWindow, params: {} }]
  const add = (sql: string, name: string, value: string): void => {
    always.push({ sql, params: { [name]: value } })
  }
  if (filter.service !== undefined) add('service = {service:String}', 'service', filter.service)
  if (filter.operation !== undefined) add('name = {operation:String}', 'operation', filter.operation)
  if (filter.minDuration !== undefined) {
    add('duration_ns >= {minDuration:UInt64}', 'minDuration', filter.minDuration.toString())
  }
  if (filter.maxDuration !== undefined) {
    add('duration_ns <= {maxDuration:UInt64}', 'maxDuration', filter.maxDuration.toString())
  }
  if (filter.status !== undefined) add('status = {status:UInt8}', 'status', String(statusCodes[filter.status]))
  const attributes = await Promise.all(
    filter.attributes.map((attribute, index) => attributeAlternatives(asker, attribute, `attribute${index}`)),
  )
  const branches = branchesOf(
    always.map(({ sql }) => sql).join(' AND '),
    attributes.map((alternatives) => alternatives.map(({ sql }) => sql)),
  )
  const params = [...always, ...attributes.flat()].map((condition) => condition.params)
  return { branches, params: Object.assign({}, ...params) as Record<string, string> }
}

/** Branches of which one must hold: of `always` and of one alternative of each of the others. */
export function branchesOf(always: string, others: readonly (readonly string[])[]): string[] {
  let branches = [always]
  for (const alternatives of others) {
    const few = branches.length * alternatives.length <= maxBranches
    const factors = few ? alternatives : [`(${alternatives.join(' OR ')})`]
    branches = branches.flatMap((branch) => factors.map((factor) => `${branch} AND ${factor}`))
  }
  return branches
}

/** Binds the window, so that one condition serves for parts of it. */
export const paramsIn = (condition: SearchCondition, window: TimeWindow): Record<string, string> => ({
  ...condition.params,
  ...windowParams(window),
})

async function attributeAlternatives(asker: Asker, attribute: AttributeFilter, prefix: string): Promise<Condition[]> {
  const alternatives = attribute.level === 'resource' ? [] : spanAlternatives(attribute, prefix)
  if (attribute.level !== 'span' && (await anyResource(asker, attribute, prefix))) {
    const resources = resourcesWith(attribute, prefix)
    const absent = attribute.level === 'any' ? spanHasKey(attribute.key, prefix) : undefined
    alternatives.push({
      sql: `(resource_id IN (${resources.sql})${absent === undefined ? '' : ` AND NOT ${absent.sql}`})`,
      params: { ...resources.params, ...absent?.params },
    })
  }
  return alternatives.length === 0 ? [{ sql: 'false', params: {} }] : alternatives
}

async function anyResource(asker: Asker, attribute: AttributeFilter, prefix: string): Promise<boolean> {
  const { sql, params } = resourcesWith(attribute, prefix)
  const found = await all(asker, {
    name: 'search_resources',
    sql: `${sql} LIMIT 1`,
    params,
    maxRows: 1,
    decode: () => true,
  })
  return found.length > 0
}
