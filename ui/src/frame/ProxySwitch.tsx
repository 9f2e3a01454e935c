import { Link, useSearch } from '@tanstack/react-router'
import type { Folded } from '../../../query-api/types.ts'
import { changed } from './search.ts'

/** Switches between figures with proxies folded into their applications and of all spans; nothing where there are no proxies. */
export function ProxySwitch({ of }: { of: Folded | undefined }) {
  const search = useSearch({ from: '__root__' })
  if (of === undefined || of.proxies === null) return null
  const isFolded = of.proxies === 'folded'
  return (
    <Link
      className="button button-quiet"
      to="."
      search={changed(search, { proxies: isFolded ? 'shown' : undefined })}
      replace
      title={
        isFolded
          ? "A proxy's span next to its own application's tells the same once more, and is not counted"
          : "Proxies' spans are counted like all others: what passes a sidecar is told twice"
      }
    >
      {isFolded ? 'Show proxies' : 'Fold proxies'}
    </Link>
  )
}
