import './details.css'
import { Tabs } from '@base-ui/react/tabs'
import { Link, useSearch } from '@tanstack/react-router'
import { Fragment, useMemo, useState, type ReactNode } from 'react'
import type { KeyValue, OtlpEvent, OtlpLink, SpanDetails } from '../../../query-api/types.ts'
import { Copy } from '../design/Copy.tsx'
import { Figure, Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { shownName } from '../frame/names.ts'
import { carried } from '../frame/search.ts'
import { count, duration, text } from '../numbers/format.ts'
import { clock, fraction, moment, toMs, utcNanos } from '../time/format.ts'
import type { Actions } from './actions.ts'
import { movedBy } from './Clocks.tsx'
import { parseTraceId } from './id.ts'
import { kindNames } from './kinds.ts'
import { LinkedFrom } from './LinkedFrom.tsx'
import { sentAt, type Node, type TraceModel } from './model.ts'
import { HeldSpans } from './Proxies.tsx'
import { Rank } from './Rank.tsx'
import { adjustedCount } from './sampling.ts'
import type { Sent } from './sent.ts'
import { useSent } from './useSent.ts'
import { attributeText, safeLink, valueText, valueType } from './value.ts'

interface Props {
  model: TraceModel
  node: Node
  tab: string
  actions: Actions
  /** What the store knows beside the trace is told as well. */
  isStored: boolean
  onTab: (tab: string) => void
}

/** Everything that was sent for one span, and what rebuilding adds. */
export function Details(props: Props) {
  return (
    <aside className="details" aria-label="Details of the span">
      {props.node.isGhost ? <Missing {...props} /> : <Span {...props} />}
    </aside>
  )
}

function Missing({ node, model, actions }: Props) {
  return (
    <>
      <Title name="A parent that has not arrived" onClose={actions.escape} />
      <p className="details-text">
        {node.children} {node.children === 1 ? 'span names' : 'spans name'} <span className="mono">{node.id}</span> as
        parent, but no such span is stored. It may have been sent elsewhere, not sampled, lost, or not have ended yet.
      </p>
      <p className="details-text muted">
        Last span of this trace received at {clock(toMs(model.answer.lastReceivedUnixNano))}.
      </p>
    </>
  )
}

function Title({ name, service, onClose }: { name: string; service?: string; onClose: () => void }) {
  return (
    <header className="details-head">
      <div className="details-names">
        {service !== undefined && (
          <div className="details-service">
            <Swatch service={service} />
            <bdi>{service}</bdi>
          </div>
        )}
        <h2 className="details-name">
          <bdi>{name}</bdi>
        </h2>
      </div>
      <button
        type="button"
        className="button button-quiet button-icon"
        aria-label="Close the details"
        title="Close (esc)"
        onClick={onClose}
      >
        <Icon name="close" />
      </button>
    </header>
  )
}

function Span(props: Props) {
  const { model, node, actions, isStored } = props
  const { sent, error } = useSent(model, node)
  const message = sent?.span.status.message
  return (
    <>
      <Title name={shownName(node.name)} service={node.service} onClose={actions.escape} />
      {node.error && (
        <div className="details-error" role="note">
          <Icon name="error" size={14} />
          <bdi>{message === undefined ? 'Error' : message === '' ? 'Error, without a message' : message}</bdi>
        </div>
      )}
      <Facts node={node} span={sent?.span} model={model} isStored={isStored} />
      {sent !== undefined && <Parts {...props} {...sent} />}
      {sent === undefined && error === undefined && (
        <p className="details-text muted" role="status">
          Loading its attributes …
        </p>
      )}
      {error !== undefined && (
        <p className="details-text trace-errors" role="alert">
          Its attributes could not be loaded. {error.message}
        </p>
      )}
    </>
  )
}

/** Everything that was sent, by tabs. */
function Parts(props: Props & Sent) {
  const { model, span, resource, scope, tab, actions, isStored, onTab } = props
  const tabs = [
    { id: 'attributes', label: 'Attributes', many: span.attributes.length },
    { id: 'events', label: 'Events', many: span.events.length },
    { id: 'links', label: 'Links', many: span.links.length },
    { id: 'resource', label: 'Resource', many: resource?.attributes.length ?? 0 },
    { id: 'json', label: 'JSON', many: undefined },
  ]
  return (
    <Tabs.Root
      className="details-tabs"
      value={tabs.some(({ id }) => id === tab) ? tab : 'attributes'}
      onValueChange={(next: string) => onTab(next)}
    >
      <Tabs.List className="tabs details-tablist" aria-label="Parts of the span">
        {tabs.map(({ id, label, many }) => (
          <Tabs.Tab key={id} value={id} className="tab">
            {label}
            {many !== undefined && many > 0 && <span className="details-many number">{many}</span>}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value="attributes" className="details-panel">
        <Attributes list={span.attributes} dropped={span.droppedAttributesCount} none="No attributes were sent." />
      </Tabs.Panel>
      <Tabs.Panel value="events" className="details-panel">
        <Events span={span} model={model} />
      </Tabs.Panel>
      <Tabs.Panel value="links" className="details-panel">
        <Links links={span.links} dropped={span.droppedLinksCount} model={model} actions={actions} />
        {isStored && <LinkedFrom traceId={span.traceId} spanId={span.spanId} start={span.startTimeUnixNano} />}
      </Tabs.Panel>
      <Tabs.Panel value="resource" className="details-panel">
        <Attributes
          list={resource?.attributes ?? []}
          dropped={resource?.droppedAttributesCount ?? 0}
          none={resource === undefined ? 'The resource is no longer stored.' : 'The resource has no attributes.'}
        />
        {resource !== undefined && resource.schemaUrl !== '' && <Pair name="schema URL" value={resource.schemaUrl} />}
        <h3 className="details-part">Scope</h3>
        <Pair name="name" value={scope?.name ?? ''} />
        <Pair name="version" value={scope?.version ?? ''} />
        {scope !== undefined && scope.schemaUrl !== '' && <Pair name="schema URL" value={scope.schemaUrl} />}
        <Attributes list={scope?.attributes ?? []} dropped={scope?.droppedAttributesCount ?? 0} none="" />
      </Tabs.Panel>
      <Tabs.Panel value="json" className="details-panel">
        <Json span={span} resource={resource} scope={scope} />
      </Tabs.Panel>
    </Tabs.Root>
  )
}

function Facts(props: { node: Node; span: SpanDetails | undefined; model: TraceModel; isStored: boolean }) {
  const { node, span, model, isStored } = props
  const { skew, shift } = node
  const standsFor = adjustedCount(span?.traceState ?? '')
  const started = span?.startTimeUnixNano ?? String(sentAt(node, model.startNanos))
  return (
    <dl className="details-facts">
      <Fact name="Duration">
        {node.invalidTimes ? 'times make no sense' : <Figure shown={duration(node.duration)} />}
      </Fact>
      <Fact name="Self time">
        <Figure shown={duration(node.self)} />
      </Fact>
      <Fact name="Starts after">
        <Figure shown={duration(Math.round(node.start))} />
      </Fact>
      <Fact name="Kind">{kindNames[node.kind] ?? `unknown (${node.kind})`}</Fact>
      <Fact name="Status">
        {node.error ? 'error' : span === undefined ? '…' : span.status.code === 1 ? 'ok' : 'unset'}
      </Fact>
      <Fact name="Children">
        <Figure shown={count(node.children)} />
      </Fact>
      {isStored && (
        <Fact name="Among its like" wide>
          <Rank node={node} startNanos={model.startNanos} />
        </Fact>
      )}
      <Fact name="Started" wide>
        <span className="number" title={utcNanos(started)}>
          {moment(toMs(started), Date.now())}
          <span className="muted">{fraction(toMs(started))}</span>
          {shift !== 0 && <span className="muted"> as sent, {movedBy(shift)}</span>}
        </span>
      </Fact>
      <Fact name="Span id" wide>
        <span className="mono">{node.id}</span>
        <Copy what={() => node.id} label="Copy the span id" />
      </Fact>
      {skew !== 0 && (
        <Fact name="Clock" wide>
          <span
            title={shift === 0 ? 'Estimated; the dashed outline shows where it would lie' : 'Estimated, and corrected'}
          >
            {text(duration(Math.abs(skew)))} {skew > 0 ? 'behind' : 'ahead of'} its parent's
          </span>
        </Fact>
      )}
      {node.held.length > 0 && (
        <Fact name={node.held.length === 1 ? 'Holds its proxy’s span' : 'Holds its proxy’s spans'} wide>
          <HeldSpans node={node} />
        </Fact>
      )}
      {node.copies > 1 && <Fact name="Sent">{node.copies} times; shown once</Fact>}
      {standsFor > 1 && (
        <Fact name="Stands for" wide>
          {Number(standsFor.toPrecision(3)).toLocaleString('en')} spans: sampling left out the others
        </Fact>
      )}
      {span !== undefined && span.traceState !== '' && (
        <Fact name="Trace state" wide>
          <bdi className="mono details-break">{span.traceState}</bdi>
        </Fact>
      )}
      {node.missingParent && (
        <Fact name="Parent" wide>
          <span className="mono">{model.nodes.at(node.parent)?.id}</span> not received
        </Fact>
      )}
      {node.cyclic && <Fact name="Parents">lead back to this span</Fact>}
    </dl>
  )
}

function Fact({ name, wide, children }: { name: string; wide?: boolean; children: ReactNode }) {
  return (
    <div data-wide={wide === true}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Attributes({ list, dropped, none }: { list: readonly KeyValue[]; dropped: number; none: string }) {
  const sorted = useMemo(() => [...list].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)), [list])
  return (
    <>
      {sorted.length === 0 && none !== '' && <p className="muted">{none}</p>}
      {sorted.map((attribute, i) => (
        // A key may have been sent twice.
        // eslint-disable-next-line react/no-array-index-key
        <Attribute key={`${attribute.key} ${i}`} attribute={attribute} />
      ))}
      {dropped > 0 && <p className="muted">{text(count(dropped))} more were dropped by the sender.</p>}
    </>
  )
}

const longest = 2000
/** A longer value makes no address that one could send to somebody. */
const longestSearched = 500

function Attribute({ attribute }: { attribute: KeyValue }) {
  const search = useSearch({ from: '__root__' })
  const [whole, setWhole] = useState(false)
  const value = useMemo(() => valueText(attribute.value), [attribute])
  const link = attribute.value.stringValue === undefined ? undefined : safeLink(value)
  const { arrayValue, kvlistValue, bytesValue } = attribute.value
  const plain = arrayValue === undefined && kvlistValue === undefined && bytesValue === undefined
  const searchable = plain && value !== '' && value.length <= longestSearched
  const cut = !whole && value.length > longest ? value.slice(0, longest) : value
  return (
    <div className="pair">
      <bdi className="pair-key">
        <Breakable text={attribute.key} />
      </bdi>
      <span className="pair-value" title={valueType(attribute.value)}>
        {link === undefined ? (
          <bdi>{cut}</bdi>
        ) : (
          <a href={link} target="_blank" rel="noreferrer noopener">
            {cut}
          </a>
        )}
        {cut !== value && (
          <button type="button" className="trace-link" onClick={() => setWhole(true)}>
            … all {text(count(value.length))} characters
          </button>
        )}
      </span>
      <span className="pair-tools">
        {searchable && (
          <Link
            className="button button-quiet button-icon"
            to="/traces"
            search={{ ...carried(search), attribute: [`${attribute.key}=${value}`] }}
            title="Traces with this value"
            aria-label={`Traces with ${attribute.key} of this value`}
          >
            <Icon name="search" size={12} />
          </Link>
        )}
        <Copy what={() => value} label={`Copy the value of ${attribute.key}`} />
      </span>
    </div>
  )
}

/** Breaks lines after dots and the like before it breaks within words. */
function Breakable({ text }: { text: string }) {
  return text.split(/(?<=[._/:-])(?=\w)/).map((part, i) => (
    // The parts of a text never change their order.
    // eslint-disable-next-line react/no-array-index-key
    <Fragment key={i}>
      {i > 0 && <wbr />}
      {part}
    </Fragment>
  ))
}

function Pair({ name, value }: { name: string; value: string }) {
  const link = safeLink(value)
  return (
    <div className="pair">
      <span className="pair-key">{name}</span>
      <span className="pair-value">
        {value === '' && <span className="muted">none</span>}
        {value !== '' && link === undefined && <bdi>{value}</bdi>}
        {link !== undefined && (
          <a href={link} target="_blank" rel="noreferrer noopener">
            {value}
          </a>
        )}
      </span>
    </div>
  )
}

function Events({ span, model }: { span: SpanDetails; model: TraceModel }) {
  const [all, setAll] = useState(false)
  const shown = all ? span.events : span.events.slice(0, 50)
  return (
    <>
      {span.events.length === 0 && <p className="muted">No events were sent.</p>}
      {shown.map((event, i) => (
        // Events have no identity of their own; their order never changes.
        // eslint-disable-next-line react/no-array-index-key
        <Event key={i} event={event} span={span} model={model} />
      ))}
      {shown.length < span.events.length && (
        <button type="button" className="trace-link" onClick={() => setAll(true)}>
          Show all {text(count(span.events.length))}
        </button>
      )}
      {span.droppedEventsCount > 0 && (
        <p className="muted">{text(count(span.droppedEventsCount))} more were dropped by the sender.</p>
      )}
    </>
  )
}

function Event({ event, span, model }: { event: OtlpEvent; span: SpanDetails; model: TraceModel }) {
  const afterSpan = BigInt(event.timeUnixNano) - BigInt(span.startTimeUnixNano)
  const afterTrace = BigInt(event.timeUnixNano) - model.startNanos
  const stack = event.attributes.find(({ key }) => key === 'exception.stacktrace')
  return (
    <section className="event">
      <h3 className="event-head" data-exception={event.name === 'exception'}>
        <bdi className="cut">{shownName(event.name)}</bdi>
        <span
          className="muted number"
          title={`${utcNanos(event.timeUnixNano)}; ${text(duration(afterTrace))} after the trace's start`}
        >
          +{text(duration(afterSpan))}
        </span>
      </h3>
      <Attributes
        list={event.attributes.filter((one) => one !== stack)}
        dropped={event.droppedAttributesCount}
        none={stack === undefined ? 'Without attributes.' : ''}
      />
      {stack !== undefined && (
        <div className="event-stack">
          <pre tabIndex={0} aria-label="Stack trace">
            {valueText(stack.value)}
          </pre>
          <Copy what={() => valueText(stack.value)} label="Copy the stack trace" />
        </div>
      )}
    </section>
  )
}

function Links(props: { links: readonly OtlpLink[]; dropped: number; model: TraceModel; actions: Actions }) {
  const { links, dropped, model, actions } = props
  const search = useSearch({ from: '__root__' })
  return (
    <>
      {links.length === 0 && <p className="muted">No links were sent.</p>}
      {links.slice(0, 200).map((link, i) => {
        const here = link.traceId === model.answer.traceId ? model.nodes.indexOf(link.spanId) : -1
        return (
          // Links have no identity of their own; their order never changes.
          // eslint-disable-next-line react/no-array-index-key
          <section className="event" key={i}>
            <h3 className="event-head mono">
              {here >= 0 && (
                <button type="button" className="trace-link" onClick={() => actions.select(here)}>
                  Span {link.spanId} of this trace
                </button>
              )}
              {here < 0 && parseTraceId(link.traceId) === undefined && <bdi>{link.traceId}</bdi>}
              {here < 0 && parseTraceId(link.traceId) !== undefined && (
                <Link
                  to="/trace/$traceId"
                  params={{ traceId: link.traceId }}
                  search={{ ...carried(search), span: link.spanId }}
                >
                  {link.traceId}
                </Link>
              )}
            </h3>
            <Attributes list={link.attributes ?? []} dropped={link.droppedAttributesCount ?? 0} none="" />
          </section>
        )
      })}
      {links.length > 200 && <p className="muted">The first 200 of {text(count(links.length))}.</p>}
      {dropped > 0 && <p className="muted">{text(count(dropped))} more were dropped by the sender.</p>}
    </>
  )
}

function Json({ span, resource, scope }: Sent) {
  const json = useMemo(
    () => JSON.stringify({ ...span, resource: resource ?? null, scope: scope ?? null }, null, 2),
    [span, resource, scope],
  )
  const cut = json.length > 100_000
  return (
    <div className="event-stack details-json">
      <pre tabIndex={0} aria-label="The span as JSON">
        {cut ? `${json.slice(0, 100_000)}\n… copied whole` : json}
      </pre>
      <div className="details-json-tools">
        <Copy what={() => json} label="Copy the JSON" withText="Copy" />
        <Copy
          what={() => span.attributes.map(attributeText).join('\n')}
          label="Copy the attributes"
          withText="Attributes"
        />
      </div>
    </div>
  )
}
