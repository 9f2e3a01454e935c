import { AppError } from '../../base/errors.ts'

/** '' or `/path`, without a slash at the end. Throws BAD_INPUT for what cannot stand in a URL as it is. */
export function normalBasePath(given: string | undefined): string {
  const path = (given ?? '').replace(/\/+$/, '')
  if (path !== '' && !/^(?:\/[\w.~-]+)+$/.test(path)) {
    throw new AppError('BAD_INPUT', `the base path ${JSON.stringify(given)} must look like /weft`)
  }
  return path
}
