import { Menu } from '@base-ui/react/menu'
import type { ReactNode } from 'react'
import { Copy } from '../design/Copy.tsx'
import { Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { count, duration, text } from '../numbers/format.ts'
import { fraction, moment, toMs, utcNanos } from '../time/format.ts'
import { ClockNote, tellsClocks } from './Clocks.tsx'
import { CompareWith } from './CompareWith.tsx'
import { firstSpan, type TraceModel } from './model.ts'
import { ProxyNote } from './Proxies.tsx'
import type { Actions } from './actions.ts'

/** What the trace is, and its figures. */
export function Head({ model, isStored }: { model: TraceModel; isStored: boolean }) {
  const { answer, nodes } = model
  const root = firstSpan(nodes)
  const depth = nodes.columns.deepest + 1
  return (
    <header className="trace-head">
      <h1 className="trace-title">
        {root !== undefined && <Swatch service={root.service} />}
        <bdi className="trace-service">{root?.service}</bdi>
        <bdi className="cut" title={root?.name}>
          {root?.name}
        </bdi>
      </h1>
      <dl className="trace-facts">
        <div>
          <dt>Started</dt>
          <dd>
            <span className="number" title={utcNanos(answer.startTimeUnixNano)}>
              {moment(toMs(answer.startTimeUnixNano), Date.now())}
              <span className="muted">{fraction(toMs(answer.startTimeUnixNano))}</span>
            </span>
          </dd>
        </div>
        <div>
          <dt>Duration</dt>
          <dd>
            <Figure shown={duration(answer.durationNanos)} />
          </dd>
        </div>
        <div>
          <dt>Spans</dt>
          <dd>
            <Figure shown={count(answer.spanCount)} />
          </dd>
        </div>
        <div>
          <dt>Services</dt>
          <dd>
            <Figure shown={count(answer.services.length)} />
          </dd>
        </div>
        <div>
          <dt>Depth</dt>
          <dd>
            <Figure shown={count(depth)} />
          </dd>
        </div>
        <div>
          <dt>Errors</dt>
          <dd className={answer.errorCount > 0 ? 'trace-errors' : ''}>
            {answer.errorCount > 0 && <Icon name="error" size={12} />}
            <Figure shown={count(answer.errorCount)} />
          </dd>
        </div>
        <div>
          <dt>Trace id</dt>
          <dd className="trace-id mono">
            <span title={answer.traceId}>{answer.traceId.slice(0, 8)}…</span>
            <Copy what={() => answer.traceId} label="Copy the trace id" />
          </dd>
        </div>
      </dl>
      {isStored && (
        <span className="trace-actions">
          <CompareWith traceId={answer.traceId} />
          <Download traceId={answer.traceId} />
        </span>
      )}
    </header>
  )
}

const downloads = [
  { path: 'otlp', label: 'OTLP as JSON', note: 'as it was sent, to the nanosecond' },
  { path: 'jaeger', label: 'Jaeger’s JSON', note: 'for Jaeger’s UI and tools around it' },
] as const

function Download({ traceId }: { traceId: string }) {
  return (
    <Menu.Root>
      <Menu.Trigger className="button">Download</Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner sideOffset={6} align="end">
          <Menu.Popup className="popup">
            {downloads.map(({ path, label, note }) => (
              <Menu.LinkItem key={path} className="option" href={`api/traces/${traceId}/${path}`} download closeOnClick>
                {label}
                <span className="option-note">{note}</span>
              </Menu.LinkItem>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}

/** A trace so many times longer than its root shows the root as a speck: a clock is wrong, or work came much later. */
const manyRoots = 100

const rootLength = ({ root }: TraceModel): number => root?.duration ?? Infinity

/** What must be said about the figures: what is missing, doubtful or was left out. */
export function Notes(props: { model: TraceModel; actions: Actions; error: Error | null; from: ReactNode }) {
  const { model, actions, error, from } = props
  const { answer } = model
  const { duplicatesRemoved, complete } = answer
  const { missing, cyclic } = model
  const isSkewed = tellsClocks(model)
  const [first] = missing
  const young = !complete && first === undefined
  const sparse = model.length > manyRoots * rootLength(model)
  if (
    from === undefined &&
    error === null &&
    first === undefined &&
    !isSkewed &&
    answer.proxySpans === 0 &&
    duplicatesRemoved === 0 &&
    cyclic === 0 &&
    !young &&
    !sparse
  ) {
    return null
  }
  return (
    <ul className="trace-notes" aria-label="Notes">
      {from}
      {error !== null && (
        <li className="trace-errors" role="alert">
          Could not be loaded anew; this is as of before. {error.message}
        </li>
      )}
      {sparse && (
        <li>
          Some spans lie far from the root's {text(duration(rootLength(model)))}.{' '}
          <button type="button" className="trace-link" onClick={actions.root}>
            Show the root's time
          </button>
        </li>
      )}
      {young && <li>Spans arrived within the last 10 s; more may follow.</li>}
      {first !== undefined && (
        <li>
          {missing.length === 1 ? 'One parent span has' : `${missing.length} parent spans have`} not arrived.{' '}
          <button type="button" className="trace-link" onClick={() => actions.select(model.nodes.indexOf(first))}>
            Show
          </button>
        </li>
      )}
      {isSkewed && <ClockNote answer={answer} />}
      {answer.proxySpans > 0 && <ProxyNote answer={answer} />}
      {duplicatesRemoved > 0 && (
        <li>
          {text(count(duplicatesRemoved))} resent {duplicatesRemoved === 1 ? 'copy is' : 'copies are'} left out.
        </li>
      )}
      {cyclic > 0 && <li>{cyclic} spans name each other as parents in a circle.</li>}
    </ul>
  )
}
