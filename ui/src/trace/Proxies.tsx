import { Link, useSearch } from '@tanstack/react-router'
import type { TraceFigures } from '../../../query-api/types.ts'
import { Swatch } from '../design/Figure.tsx'
import { changed } from '../frame/search.ts'
import { count, duration, text } from '../numbers/format.ts'
import type { Node } from './model.ts'

/** Says that proxies' spans are folded, or could be, and switches between both. */
export function ProxyNote({ answer }: { answer: TraceFigures }) {
  const search = useSearch({ from: '__root__' })
  const { proxies, proxySpans } = answer
  const isFolded = proxies === 'folded'
  const isOne = proxySpans === 1
  const [many, it] = isOne ? ['1 span of a proxy', 'it'] : [`${text(count(proxySpans))} spans of proxies`, 'them']
  return (
    <li>
      {many}{' '}
      {isFolded
        ? `${isOne ? 'is' : 'are'} folded into the application's beside ${it}.`
        : `${isOne ? 'tells' : 'tell'} the same as the application's beside ${it}.`}{' '}
      <Link className="trace-link" to="." search={changed(search, { proxies: isFolded ? 'shown' : undefined })} replace>
        {isFolded ? 'Show' : 'Fold'} {it}
      </Link>
    </li>
  )
}

/** The proxies' spans that a span holds. */
export function HeldSpans({ node }: { node: Node }) {
  const search = useSearch({ from: '__root__' })
  return (
    <ul className="details-held">
      {node.held.map((span) => (
        <li key={span.id}>
          <Swatch service={span.service} />{' '}
          <Link className="trace-link" to="." search={changed(search, { proxies: 'shown', span: span.id })} replace>
            <bdi>
              {span.service}: {span.name}
            </bdi>
          </Link>{' '}
          <span className="number">{span.invalidTimes ? 'times make no sense' : text(duration(span.duration))}</span>
          <span className="muted"> {text(duration(span.self))} of its own</span>
          {span.error && <span className="trace-errors"> failed</span>}
        </li>
      ))}
    </ul>
  )
}
