import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: ((options: { readonly type: 'major'; readonly execution: 'async' }) => Promise<void>) | undefined

/**
 * Frees what nobody holds any more, and gives it back to the system. V8 does so when it thinks fit, and knows nothing of
 * what this process may take: what one large answer left behind would still be there under the next one (530 MiB instead
 * of 420 for traces of 100,000 spans). Takes some 100 ms, in which nothing else is done.
 */
export function collectGarbage(): Promise<void> {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as NonNullable<typeof collect>
  }
  return collect({ type: 'major', execution: 'async' })
}
