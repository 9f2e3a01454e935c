import type { Span } from '@opentelemetry/api'
import { RecordingSpan } from '../trace/span.ts'

interface Answer {
  /** The driver's reader of an answer, of those that begin a cursor. */
  readonly data?: { readonly ns?: { readonly collection?: unknown } | null } | null
}

/**
 * An aggregation is sent to the database and not to a collection, so its span knows none (`$cmd`); the cursor that comes
 * back does.
 */
export function collectionOfCursor(span: Span, { data }: Answer): void {
  if (!(span instanceof RecordingSpan) || span.attributes['db.collection.name'] !== '$cmd') return
  const collection = data?.ns?.collection
  if (typeof collection !== 'string') return
  span.setAttribute('db.collection.name', collection)
  span.updateName(`${String(span.attributes['db.operation.name'])} ${collection}`)
}
