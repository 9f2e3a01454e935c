import { promoted } from '../../store/schema/promoted.ts'
import type { TimeWindow } from '../http/times.ts'
import type { AttributeKey, AttributeKeysAnswer, AttributeValuesAnswer } from '../types.ts'
import { all, type Asker } from './ask.ts'
import { attributeMaps, wasMoved, type AttributeFilter } from './filters.ts'
import { namesOf, promotedPlace } from './renamed.ts'
import { inWindow, windowParams } from './spans.ts'

/** Spans that are looked at for suggestions: enough to see every key in use, and quick over any window. */
export const looksAt = 500_000

interface Asked {
  readonly window: TimeWindow
  readonly service: string | undefined
  /** Only what begins so. */
  readonly prefix: string
  readonly limit: number
}

const maps = Object.keys(attributeMaps)

const serviceIs = ({ service }: Asked): string => (service === undefined ? '' : 'AND service = {service:String}')
const bound = ({ window, service, prefix }: Asked): Record<string, string> => ({
  ...windowParams(window),
  prefix,
  ...(service === undefined ? {} : { service }),
})

/** The attribute keys seen in a window, most frequent first; hot ones under the name they were sent with. */
export async function attributeKeys(asker: Asker, asked: Asked): Promise<AttributeKeysAnswer> {
  const looked = (columns: string) =>
    `(SELECT ${columns} FROM spans WHERE ${inWindow} ${serviceIs(asked)} LIMIT ${looksAt})`
  // Each map counted by itself, where its keys are numbers of a dictionary; as one array of texts it takes four times the
  // CPU (890 instead of 200 ms for a million spans). Two bits for each promoted attribute tell the name it was moved from.
  const ofMaps = maps.map(
    (map) => `SELECT arrayJoin(keys) AS key, count() AS times FROM ${looked(`${map}.keys AS keys`)} GROUP BY key`,
  )
  const movedKeys = promoted.flatMap(({ names }, place) =>
    names.map(
      (name, generation) => `if(bitAnd(bitShiftRight(moved, ${2 * place}), 3) = ${generation + 1}, ['${name}'], [])`,
    ),
  )
  const ofColumns = `SELECT arrayJoin(arrayConcat(${movedKeys.join(', ')})) AS key, sum(rows) AS times
    FROM (SELECT moved, count() AS rows FROM ${looked('moved')} GROUP BY moved) GROUP BY key`
  const ofSpans = all(asker, {
    name: 'attribute_keys',
    sql: `SELECT key, sum(times) AS seen
      FROM (${[...ofMaps, ofColumns].join('\n        UNION ALL ')})
      WHERE startsWith(key, {prefix:String})
      GROUP BY key ORDER BY seen DESC, key LIMIT ${asked.limit + 1}`,
    params: bound(asked),
    maxRows: asked.limit + 1,
    decode: (row): AttributeKey => ({ key: String(row[0]), level: 'span', count: Number(row[1]) }),
  })
  const ofResources = all(asker, {
    name: 'resource_keys',
    sql: `SELECT key, count() AS seen FROM (
        SELECT DISTINCT resource_id, key FROM resources ARRAY JOIN attributes.keys AS key
        WHERE tenant = {tenant:String} ${serviceIs(asked)} AND startsWith(key, {prefix:String})
      ) GROUP BY key ORDER BY seen DESC, key LIMIT ${asked.limit + 1}`,
    params: bound(asked),
    maxRows: asked.limit + 1,
    decode: (row): AttributeKey => ({ key: String(row[0]), level: 'resource', count: Number(row[1]) }),
  })
  const [spanKeys, resourceKeys] = await Promise.all([ofSpans, ofResources])
  return {
    ...windowParams(asked.window),
    keys: [...spanKeys.slice(0, asked.limit), ...resourceKeys.slice(0, asked.limit)],
    more: spanKeys.length > asked.limit || resourceKeys.length > asked.limit,
  }
}

/** The values of an attribute as text, most frequent first: as the search compares them. */
export async function attributeValues(
  asker: Asker,
  { level, key }: Pick<AttributeFilter, 'level' | 'key'>,
  asked: Asked,
): Promise<AttributeValuesAnswer> {
  const names = namesOf(key)
  const nameParams = Object.fromEntries(names.map((name, index) => [`name${index}`, name]))
  const values = names.flatMap((_, index) => [
    `if(mapContains(attributes_string, {name${index}:String}), [${at('attributes_string', index)}], [])`,
    `if(mapContains(attributes_int, {name${index}:String}), [toString(${at('attributes_int', index)})], [])`,
    `if(mapContains(attributes_double, {name${index}:String}), [${doubleText(at('attributes_double', index))}], [])`,
    `if(mapContains(attributes_bool, {name${index}:String}), [toString(${at('attributes_bool', index)})], [])`,
    `if(mapContains(attributes_other, {name${index}:String}), [${at('attributes_other', index)}], [])`,
  ])
  const place = promotedPlace(key)
  const column = promoted[place]?.column
  if (column !== undefined) values.push(`if(${wasMoved(place)}, [toString(${column})], [])`)
  const ofSpans = `SELECT value, count() AS seen FROM (
      SELECT arrayJoin(arrayConcat(${values.join(', ')})) AS value
      FROM (SELECT * FROM spans WHERE ${inWindow} ${serviceIs(asked)} LIMIT ${looksAt})
    ) WHERE startsWith(value, {prefix:String}) GROUP BY value`
  const ofResources = `SELECT value, uniqExact(resource_id) AS seen FROM (
      SELECT resource_id, arrayJoin([${names.map((_, index) => `if(mapContains(attributes, {name${index}:String}), [${at('attributes', index)}], [])`).join(', ')}]) AS held,
        arrayJoin(held) AS value
      FROM resources WHERE tenant = {tenant:String} ${serviceIs(asked)}
    ) WHERE startsWith(value, {prefix:String}) GROUP BY value`
  const parts = [...(level === 'resource' ? [] : [ofSpans]), ...(level === 'span' ? [] : [ofResources])]
  const rows = await all(asker, {
    name: 'attribute_values',
    sql: `SELECT value, sum(seen) AS seen FROM (${parts.join(' UNION ALL ')})
      GROUP BY value ORDER BY seen DESC, value LIMIT ${asked.limit + 1}`,
    params: { ...bound(asked), ...nameParams },
    maxRows: asked.limit + 1,
    decode: (row) => ({ value: String(row[0]), count: Number(row[1]) }),
  })
  return { ...windowParams(asked.window), key, values: rows.slice(0, asked.limit), more: rows.length > asked.limit }
}

const at = (column: string, index: number): string => `${column}[{name${index}:String}]`

/** A double as the API shows it. */
const doubleText = (value: string): string =>
  `multiIf(isNaN(${value}), 'NaN', isInfinite(${value}), if(${value} > 0, 'Infinity', '-Infinity'), toString(${value}))`
