import { useQuery, type QueryKey, type UseQueryOptions, type UseQueryResult } from '@tanstack/react-query'
import { useEffect, useState } from 'react'

/** How a question stands. */
export interface Asked<Answer> extends Pick<
  UseQueryResult<Answer>,
  'data' | 'error' | 'isFetching' | 'isPlaceholderData'
> {
  readonly refetch: () => Promise<unknown>
}

/** Two questions as one: answered when both are. */
export const both = <A, B>(a: Asked<A>, b: Asked<B>): Asked<readonly [A, B]> => ({
  data: a.data === undefined || b.data === undefined ? undefined : [a.data, b.data],
  error: a.error ?? b.error,
  isFetching: a.isFetching || b.isFetching,
  isPlaceholderData: a.isPlaceholderData || b.isPlaceholderData,
  refetch: () => Promise.all([a.refetch(), b.refetch()]),
})

/**
 * Asks a question for a page. Unlike with the bare `useQuery` an error stays while the question is asked again, so that
 * the page does not blink between error and emptiness.
 */
export function useQuestion<Answer, Key extends QueryKey>(
  question: UseQueryOptions<Answer, Error, Answer, Key>,
): Asked<Answer> {
  const { data, error, isFetching, isPlaceholderData, refetch } = useQuery(question)
  const [last, setLast] = useState<Error | null>(null)
  useEffect(() => {
    if (!isFetching) setLast(error)
  }, [isFetching, error])
  return {
    data,
    error: error ?? (isFetching && (data === undefined || isPlaceholderData) ? last : null),
    isFetching,
    isPlaceholderData,
    refetch,
  }
}
