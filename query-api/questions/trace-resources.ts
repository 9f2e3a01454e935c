import { stream, type Asker } from './ask.ts'
import { ofTrace, maxTraceRows } from './trace-skeleton.ts'

/** A resource as the store keeps it: `attributes` is an OTLP/JSON array of KeyValue as text. */
export interface StoredResource {
  readonly attributes: string
  readonly droppedAttributesCount: number
  readonly schemaUrl: string
}

/** The resources that the spans of a trace refer to, by id. */
export const traceResources = (asker: Asker, traceId: string): Promise<Map<string, StoredResource>> =>
  resourcesIn(asker, `SELECT resource_id FROM spans WHERE ${ofTrace}`, { traceId })

/** Resources by id; one that is not stored is not there. */
export const resourcesById = (asker: Asker, ids: readonly string[]): Promise<Map<string, StoredResource>> =>
  resourcesIn(asker, 'SELECT toUInt64(arrayJoin({ids:Array(String)}))', { ids })

async function resourcesIn(
  asker: Asker,
  set: string,
  params: Readonly<Record<string, string | readonly string[]>>,
): Promise<Map<string, StoredResource>> {
  const found = new Map<string, StoredResource>()
  const rows = stream(asker, {
    name: 'trace_resources',
    sql: `SELECT resource_id, any(attributes_otlp), any(dropped_attributes_count), any(schema_url)
      FROM resources
      WHERE tenant = {tenant:String} AND resource_id IN (${set})
      GROUP BY resource_id`,
    params,
    maxRows: maxTraceRows,
    decode: (row): readonly [string, StoredResource] => [
      String(row[0]),
      {
        attributes: String(row[1]),
        droppedAttributesCount: Number(row[2]),
        schemaUrl: String(row[3]),
      },
    ],
  })
  for await (const batch of rows) for (const [id, resource] of batch) found.set(id, resource)
  return found
}
