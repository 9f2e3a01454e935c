import { AppError } from '../../base/errors.ts'

/*
 * What the client throws, told apart by its codes. An error carries the broker's own error id (`apiId`) or the client's
 * code somewhere in its causes: a response with several partitions has one for each.
 */

interface ClientError extends Error {
  readonly code?: string
  readonly apiId?: string
  readonly canRetry?: boolean
}

/** The error itself and everything below it. */
function* chain(error: unknown): Generator<ClientError> {
  if (!(error instanceof Error)) return
  yield error
  yield* chain(error.cause)
  if (error instanceof AggregateError) for (const one of error.errors) yield* chain(one)
}

/** Whether the broker answered with one of these errors. */
export function answered(error: unknown, ...ids: readonly string[]): boolean {
  return chain(error).some(({ apiId }) => apiId !== undefined && ids.includes(apiId))
}

const refusals: Readonly<Record<string, 'UNAUTHORIZED' | 'FORBIDDEN'>> = {
  SASL_AUTHENTICATION_FAILED: 'UNAUTHORIZED',
  UNSUPPORTED_SASL_MECHANISM: 'UNAUTHORIZED',
  ILLEGAL_SASL_STATE: 'UNAUTHORIZED',
  TOPIC_AUTHORIZATION_FAILED: 'FORBIDDEN',
  GROUP_AUTHORIZATION_FAILED: 'FORBIDDEN',
  CLUSTER_AUTHORIZATION_FAILED: 'FORBIDDEN',
}

/** What Node says of a certificate that will not do (its X509 certificate error codes, and names that do not match). */
const certificateErrors: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** UNAUTHORIZED or FORBIDDEN where the cluster does not let us in, or we do not trust it: nothing that waiting would change soon. */
export function refusalOf(error: unknown): 'UNAUTHORIZED' | 'FORBIDDEN' | undefined {
  for (const { apiId, code } of chain(error)) {
    if (apiId !== undefined && refusals[apiId]) return refusals[apiId]
    if (code === 'PLT_KFK_AUTHENTICATION' || certificateErrors.has(code ?? '')) return 'UNAUTHORIZED'
  }
  return undefined
}

/** The error in one line for a person: the deepest that says something. */
export function wordsOf(error: unknown): string {
  const said = [...chain(error)]
  const { apiId } = said.find((one) => one.apiId !== undefined) ?? {}
  const deepest = said.findLast((one) => one.message !== '') ?? said[0]
  const message = deepest?.message ?? String(error)
  return apiId === undefined ? message : `${apiId}: ${message}`
}

/** As the error that crosses rooms. */
export function unavailable(what: string, error: unknown): AppError {
  if (error instanceof AppError) return error
  return new AppError(refusalOf(error) ?? 'UNAVAILABLE', `${what}: ${wordsOf(error)}`, { cause: error })
}
