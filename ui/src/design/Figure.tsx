import { serviceColour } from '../colour/service.ts'
import { text, type Shown } from '../numbers/format.ts'
import { Icon } from './Icon.tsx'

/** A number with its unit in a paler shade, and the exact value on hover. */
export function Figure({ shown }: { shown: Shown }) {
  return (
    <span className="number" title={shown.exact === text(shown) ? undefined : shown.exact}>
      {shown.value}
      {shown.unit !== '' && <span className="number-unit">{shown.unit}</span>}
    </span>
  )
}

/** A number or share of what failed, with a mark that needs no colour. */
export function ErrorFigure({ shown }: { shown: Shown }) {
  return (
    <span className="list-error">
      <Icon name="error" size={12} />
      <Figure shown={shown} />
    </span>
  )
}

/** The square in a service's colour. Its name always stands beside it. */
export function Swatch({ service }: { service: string }) {
  return <span className="swatch" style={{ background: serviceColour(service) }} aria-hidden="true" />
}
