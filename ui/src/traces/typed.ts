import type { TypedValue } from '../../../query-api/types.ts'
import { duration, text } from '../numbers/format.ts'

/** A value as a person reads it. */
export function valueTextOf({ type, text: value }: TypedValue): string {
  return type === 'duration' ? text(duration(value)) : value
}
