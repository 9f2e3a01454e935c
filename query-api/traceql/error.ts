import { AppError } from '../../base/errors.ts'
import type { Place } from './syntax.ts'

/** A query that cannot be read, or asks for what is not supported, and where in its text. */
export class TraceqlError extends AppError {
  readonly place: Place
  constructor(message: string, place: Place) {
    super('BAD_INPUT', message)
    this.place = place
  }
}
