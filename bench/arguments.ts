import { InvalidArgumentError } from 'commander'

/** A number from 0 on, of the command line. */
export function notNegative(text: string): number {
  const value = Number(text)
  if (!(value >= 0)) throw new InvalidArgumentError('Expected a number.')
  return value
}

/** A number above 0. */
export function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('Expected a number above 0.')
  return value
}
