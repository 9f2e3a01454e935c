import { expect } from 'vitest'
import type { ClickHouse, Row } from './clickhouse.ts'

const json = (text: unknown) => (text === '' ? '' : (JSON.parse(text as string) as unknown))
const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

/**
 * The rows stored, in the form of `expectedSpans`: JSON texts parsed, and the resource that `resource_id` names. An older
 * name that gives way to the newer one goes to the end of its map, so entries of a map are compared in sorted order.
 */
export function storedSpans(clickhouse: ClickHouse): Row[] {
  const resources = new Map(clickhouse.resources().map((row) => [row['resource_id'], row]))
  return clickhouse.spans().map(({ resource_id: id, ...row }) => {
    const resource = resources.get(id)
    if (!resource) throw new Error(`span without resource ${String(id)}`)
    expect(resource['service']).toBe(row['service'])
    expect(resource['tenant']).toBe(row['tenant'])
    const texts = resource['attributes'] as [string, string][]
    const otlp = json(resource['attributes_otlp']) as { value?: Record<string, unknown> }[]
    return {
      ...row,
      attributes_other: (row['attributes_other'] as [string, string][]).map(([key, text]) => [key, json(text)]),
      'events.attributes': (row['events.attributes'] as string[]).map(json),
      links: (row['links'] as string[]).map(json),
      scope_rest: json(row['scope_rest']),
      resource: {
        attributes: texts.map(([key, text], i) => [key, isPlain(otlp[i]) ? text : json(text)]),
        attributes_otlp: otlp,
        dropped_attributes_count: resource['dropped_attributes_count'],
        schema_url: resource['schema_url'],
      },
    }
  })
}

function isPlain(keyValue: { value?: Record<string, unknown> } | undefined): boolean {
  const [kind] = Object.keys(keyValue?.value ?? {})
  return kind !== undefined && !['arrayValue', 'kvlistValue', 'bytesValue'].includes(kind)
}

function sorted(row: Row): Row {
  const maps = Object.entries(row).filter(([name]) => name.startsWith('attributes_'))
  return { ...row, ...Object.fromEntries(maps.map(([name, pairs]) => [name, (pairs as unknown[]).toSorted(byText)])) }
}

const key = (row: Row) => `${String(row['_queue_offset'])} ${String(row['trace_id'])} ${String(row['span_id'])}`

function order(rows: readonly Row[]): Row[] {
  return rows
    .map(sorted)
    .toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : byText(ordered(a), ordered(b))))
}

/** Fails unless the rows are the same, whatever their order. */
export function expectSameRows(stored: readonly Row[], expected: readonly Row[]): void {
  const [a, b] = [order(stored), order(expected)]
  expect(a.length).toBe(b.length)
  for (const [i, row] of a.entries()) expect(row).toEqual(b[i])
}

// Rows that share their ids: any order that is the same on both sides.
function ordered(row: Row): unknown {
  return Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1))
}
