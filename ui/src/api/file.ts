import { queryOptions } from '@tanstack/react-query'
import type { Clocks, FileAnswer, Proxies } from '../../../query-api/types.ts'
import { send } from './client.ts'
import { askedHow } from './questions.ts'

let files = 0
const numbers = new WeakMap<File, number>()

/** Tells files apart: two of one name may differ. */
function numberOf(file: File): number {
  let number = numbers.get(file)
  if (number === undefined) numbers.set(file, (number = ++files))
  return number
}

/** The traces of a file, put together by the server, which keeps none of it. */
export const fileQuestion = (file: File | undefined, clocks: Clocks, proxies: Proxies) =>
  queryOptions({
    queryKey: ['file', file === undefined ? 0 : numberOf(file), clocks, proxies],
    enabled: file !== undefined,
    queryFn: ({ signal }) => send<FileAnswer>('api/file', askedHow(clocks, proxies), file ?? '', signal),
    retry: false,
    staleTime: Infinity,
    gcTime: 0,
  })
