import { AppError } from '../../base/errors.ts'
import type { TenantId } from '../../base/units.ts'
import type { Query, Reader } from '../../store/contract.ts'

/** Who asks: whose rows may be seen, where they lie, and until when the answer is wanted. */
export interface Asker {
  readonly reader: Reader
  readonly tenant: TenantId
  readonly signal: AbortSignal
  /** What the caller calls itself, to ask how far the answer is (`progress`). */
  readonly ask?: string | undefined
}

/** A question without what every question has: `{tenant:String}` is bound here, in one place, and must stand in the SQL. */
export interface Question<Row> {
  readonly name: string
  readonly sql: string
  readonly params: Query<Row>['params']
  readonly maxRows: number
  readonly maxBytes?: number
  readonly timeoutMs?: number
  /** It is about the server itself, not about anybody's rows. */
  readonly ofServer?: true
  readonly decode: (row: readonly unknown[]) => Row
}

const maxAnswerBytes = 512 * 1024 * 1024
const defaultTimeoutMs = 30_000

/** The rows in batches, as the store sends them. Rejects with the Reader's errors. */
export function stream<Row>(asker: Asker, question: Question<Row>): AsyncIterable<readonly Row[]> {
  if (question.ofServer !== true && !question.sql.includes('{tenant:String}')) {
    throw new AppError('BUG', `BUG: the question ${question.name} forgets the tenant`)
  }
  return asker.reader.select(
    {
      name: question.name,
      ask: asker.ask,
      sql: question.sql,
      params: { ...question.params, tenant: asker.tenant },
      limits: {
        maxRows: question.maxRows,
        maxBytes: question.maxBytes ?? maxAnswerBytes,
        timeoutMs: question.timeoutMs ?? defaultTimeoutMs,
      },
      decode: question.decode,
    },
    asker.signal,
  )
}

/** All rows at once, for answers that are small by their LIMIT. */
export async function all<Row>(asker: Asker, question: Question<Row>): Promise<Row[]> {
  return (await Array.fromAsync(stream(asker, question))).flat()
}

/** The rows in batches, asked for at once and not only when they are wanted; abort the asker's signal when they never are. */
export function streamNow<Row>(asker: Asker, question: Question<Row>): AsyncGenerator<readonly Row[]> {
  const batches = stream(asker, question)[Symbol.asyncIterator]()
  const first = batches.next()
  // Whoever takes the rows sees the error; until then nobody does.
  first.catch(() => undefined)
  return (async function* () {
    try {
      for (let batch = await first; batch.done !== true; batch = await batches.next()) yield batch.value
    } finally {
      await batches.return?.()
    }
  })()
}
