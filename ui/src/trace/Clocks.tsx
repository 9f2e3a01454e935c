import { Popover } from '@base-ui/react/popover'
import { Link, useSearch } from '@tanstack/react-router'
import type { TraceFigures } from '../../../query-api/types.ts'
import { Swatch } from '../design/Figure.tsx'
import { changed } from '../frame/search.ts'
import { count, duration, text } from '../numbers/format.ts'
import type { TraceModel } from './model.ts'

/** Later or earlier by so much. */
export const movedBy = (shift: number): string =>
  `shown ${text(duration(Math.abs(shift)))} ${shift > 0 ? 'later' : 'earlier'}`

/** A difference that can be seen: a millisecond, or a hundredth of the trace; and whatever was corrected. */
export function tellsClocks({ answer, length }: TraceModel): boolean {
  if (answer.clocks === 'corrected') return true
  const least = Math.min(1e6, length / 100)
  return answer.clockSkews.some(({ offsetNanos }) => Math.abs(Number(offsetNanos)) >= least)
}

/** Says that clocks differ and whose times are shown, switches between them, and lists what is or would be corrected. */
export function ClockNote({ answer }: { answer: TraceFigures }) {
  const search = useSearch({ from: '__root__' })
  const { clocks, clockSkews, clockCorrections } = answer
  const isCorrected = clocks === 'corrected'
  const most = Math.max(...clockSkews.map(({ offsetNanos }) => Math.abs(Number(offsetNanos))))
  const moved = clockCorrections.reduce((sum, { spans }) => sum + spans, 0)
  return (
    <li>
      {isCorrected
        ? `Times are corrected: ${text(count(moved))} ${moved === 1 ? 'span is' : 'spans are'} moved.`
        : `Clocks differ by up to ${text(duration(most))}; times are shown as sent.`}{' '}
      <Link
        className="trace-link"
        to="."
        // The same part of another length would be another part.
        search={changed(search, { clocks: isCorrected ? undefined : 'corrected', zoom: undefined })}
        replace
      >
        {isCorrected ? 'Show as sent' : 'Correct them'}
      </Link>{' '}
      <Popover.Root>
        <Popover.Trigger className="trace-link">{isCorrected ? 'What is moved' : 'Which clocks'}</Popover.Trigger>
        <Popover.Portal>
          <Popover.Positioner sideOffset={6} align="start">
            <Popover.Popup className="popup trace-clocks" aria-label="Clocks">
              <p>
                A service called by another must lie within the call. Where it does not, its clock is taken to differ by
                what puts it in the middle: the median over the calls between the two.
              </p>
              <ul>
                {clockSkews.map(({ parentService, childService, offsetNanos, spans }) => (
                  <li key={JSON.stringify([parentService, childService])}>
                    <bdi>{childService}</bdi> is {text(duration(Math.abs(Number(offsetNanos))))}{' '}
                    {Number(offsetNanos) > 0 ? 'behind' : 'ahead of'} <bdi>{parentService}</bdi>
                    <span className="muted">
                      {' '}
                      by {text(count(spans))} {spans === 1 ? 'call' : 'calls'}
                    </span>
                  </li>
                ))}
              </ul>
              <table>
                <caption>{isCorrected ? 'Moved' : 'Would be moved'}</caption>
                <tbody>
                  {clockCorrections.map(({ service, shiftNanos, spans }) => (
                    <tr key={`${service} ${shiftNanos}`}>
                      <th scope="row">
                        <Swatch service={service} /> <bdi>{service}</bdi>
                      </th>
                      <td className="number">
                        {text(count(spans))} {spans === 1 ? 'span' : 'spans'}
                      </td>
                      <td className="number">
                        {text(duration(Math.abs(Number(shiftNanos))))} {Number(shiftNanos) > 0 ? 'later' : 'earlier'}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Popover.Popup>
          </Popover.Positioner>
        </Popover.Portal>
      </Popover.Root>
    </li>
  )
}
