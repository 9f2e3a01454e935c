import { zoomOut } from '../time/range.ts'
import { useClock } from './clock.tsx'

/** A way on where a time range holds nothing. */
export function TwiceTheTime() {
  const clock = useClock()
  return (
    <button type="button" className="button" onClick={() => clock.setRange(zoomOut(clock.range, clock.now))}>
      Twice the time
    </button>
  )
}
