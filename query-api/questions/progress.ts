import type { ProgressAnswer } from '../types.ts'
import { all, type Asker } from './ask.ts'

/** How an asker is called who wants to be told how far the answer is. */
export const askPattern = '[A-Za-z0-9-]{8,64}'

/** How far the store is with what these askers wait for. */
export async function progress(asker: Asker, asks: readonly string[]): Promise<ProgressAnswer> {
  const [answer = { queries: 0, rowsRead: 0 }] = await all(asker, {
    name: 'progress',
    // Of a cluster the server that is asked now is mostly the one that was, whose query knows what all servers have read.
    sql: `SELECT count(), sum(read_rows) FROM system.processes
      WHERE is_initial_query AND arrayExists(ask -> endsWith(Settings['log_comment'], concat(' ask=', ask)), {asks:Array(String)})`,
    params: { asks },
    maxRows: 1,
    timeoutMs: 2_000,
    ofServer: true,
    decode: ([queries, rowsRead]): ProgressAnswer => ({ queries: Number(queries), rowsRead: Number(rowsRead) }),
  })
  return answer
}
