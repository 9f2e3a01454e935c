import { useNavigate, useSearch } from '@tanstack/react-router'
import { changed } from './search.ts'

/** How the table on the page is sorted: as the URL says, else `byDefault`, else as its rows come. */
export function useSort(byDefault?: string): { sort: string | undefined; onSort: (sort: string) => void } {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  return {
    sort: search.sort ?? byDefault,
    onSort: (sort) => void navigate({ to: '.', search: (was) => changed(was, { sort }), replace: true }),
  }
}
