import { useNavigate, useSearch } from '@tanstack/react-router'
import { useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type {
  ComparedCall,
  ComparedSpans,
  ComparedValue,
  DiagnosisAnswer,
  DiagnosisTime,
  Finding,
} from '../../../query-api/types.ts'
import type { Params } from '../api/client.ts'
import { diagnosisQuestion, type TraceFilter, type Which } from '../api/questions.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { Empty, Failed, Waiting } from '../design/State.tsx'
import { useClock } from '../frame/clock.tsx'
import { useKeys } from '../frame/keys.ts'
import { changed, type Search } from '../frame/search.ts'
import { count, duration, text } from '../numbers/format.ts'
import { kindNames } from '../trace/kinds.ts'
import { attributeIs, fieldOf, quoted, withCondition } from '../traces/filter.ts'

interface Props {
  filter: TraceFilter
  which: Which
  selection: Params
  /** In words, after the number of spans: "slow", "failed", "in the area". */
  how: string
  onClose: () => void
}

/** What the selected spans have that the others have not, and where their time goes. */
export function Why({ filter, which, selection, how, onClose }: Props) {
  const clock = useClock()
  const queries = useQueryClient()
  const { data, error, isFetching, isPlaceholderData, refetch } = useQuestion(
    diagnosisQuestion(clock, filter, which, selection),
  )
  useKeys({ Escape: onClose })
  return (
    <section className="why" aria-label="What explains the selected spans">
      <Waiting active={isFetching} onCancel={() => void queries.cancelQueries({ queryKey: ['diagnosis'] })} />
      {error !== null && <Failed error={error} what="the comparison" onRetry={() => void refetch()} />}
      {error === null && data !== undefined && (
        <div className="stale why-answer" data-stale={isPlaceholderData && isFetching}>
          <Answer answer={data} which={which} how={how} onClose={onClose} />
        </div>
      )}
    </section>
  )
}

function Answer({
  answer,
  which,
  how,
  onClose,
}: {
  answer: DiagnosisAnswer
  which: Which
  how: string
  onClose: () => void
}) {
  const { selected, rest, findings, symptoms, time } = answer
  const head = (
    <header className="why-head">
      <h2 className="why-title">
        {text(count(selected.spans))} {which} {how}
        <span className="muted">
          {' '}
          against {text(count(rest.spans))} others
          {lookedAt(selected, rest)}
        </span>
      </h2>
      <span className="why-key">
        <span className="why-key-selected" /> of the selected <span className="why-key-rest" /> of the others
      </span>
      <button type="button" className="button button-quiet" onClick={onClose}>
        <Icon name="close" size={12} /> Close
      </button>
    </header>
  )
  if (selected.spans === 0 || rest.spans === 0) {
    return (
      <>
        {head}
        <Empty title={selected.spans === 0 ? `No ${which} ${how}` : `All ${which} are ${how}`}>
          There is nothing to compare: select a part of them.
        </Empty>
      </>
    )
  }
  return (
    <>
      {head}
      <div className="why-columns">
        <div>
          <h3 className="why-subtitle">What they have in common</h3>
          {findings.length === 0 && (
            <p className="why-none">
              No attribute, resource, operation or call is found more often in them than chance explains.
            </p>
          )}
          <ol className="why-list">
            {findings.map((finding) => (
              <FindingRow key={keyOf(finding)} finding={finding} selected={selected} rest={rest} />
            ))}
          </ol>
        </div>
        <div>
          {time.length > 0 && (
            <>
              <h3 className="why-subtitle">Where they take longer</h3>
              <p className="why-none">
                {text(duration(Math.round(selected.meanNanos ?? 0)))} on average instead of{' '}
                {text(duration(Math.round(rest.meanNanos ?? 0)))}. Of the difference:
              </p>
              <ol className="why-list">
                {time.map((one) => (
                  <TimeRow key={callKey(one.call)} time={one} />
                ))}
              </ol>
            </>
          )}
          {symptoms.length > 0 && (
            <>
              <h3 className="why-subtitle">How it looks</h3>
              <ol className="why-list">
                {symptoms.map((finding) => (
                  <FindingRow key={keyOf(finding)} finding={finding} selected={selected} rest={rest} />
                ))}
              </ol>
            </>
          )}
        </div>
      </div>
    </>
  )
}

function lookedAt(selected: ComparedSpans, rest: ComparedSpans): string {
  const cut = [selected, rest].some((side) => side.lookedAt < side.spans)
  return cut ? `; looked at ${text(count(selected.lookedAt))} and ${text(count(rest.lookedAt))} of them, by chance` : ''
}

const keyOf = ({ level, key, value }: Finding): string => [level, key, value.is, value.value].join('\0')
const callKey = (call: ComparedCall | null): string =>
  call === null ? 'own' : [call.service, call.name, call.kind, call.place].join('\0')

function FindingRow({ finding, selected, rest }: { finding: Finding; selected: ComparedSpans; rest: ComparedSpans }) {
  const [open, setOpen] = useState(false)
  const details = useId()
  const { value, values, same } = finding
  const more = values.length > 1 || same.length > 0
  return (
    <li className="why-row">
      <div className="why-row-main">
        <span className="why-name">
          <Name finding={finding} />
          {same.length > 0 && !open && (
            <button type="button" className="why-more" onClick={() => setOpen(true)}>
              and {same.length} more that go with it
            </button>
          )}
        </span>
        <Bars value={value} selected={selected} rest={rest} />
        <span className="why-actions">
          <Narrow finding={finding} value={value} />
          <button
            type="button"
            className="button button-quiet button-icon"
            aria-expanded={open}
            aria-controls={details}
            aria-label={`Details of ${finding.key}`}
            disabled={!more}
            onClick={() => setOpen(!open)}
          >
            <Icon name={open ? 'up' : 'down'} size={12} />
          </button>
        </span>
      </div>
      {open && (
        <div className="why-details" id={details}>
          {values.length > 1 && (
            <ul className="why-values" aria-label={`Values of ${finding.key}`}>
              {values.map((one) => (
                <li key={`${one.is}${one.value}`} className="why-row-main">
                  <bdi className="cut why-value">{one.is === 'absent' ? <i>not there</i> : one.value}</bdi>
                  <Bars value={one} selected={selected} rest={rest} />
                  <span className="why-actions">
                    <Narrow finding={finding} value={one} />
                  </span>
                </li>
              ))}
            </ul>
          )}
          {same.length > 0 && (
            <p className="why-same">
              Just as many have:{' '}
              {same.map((one, index) => (
                <span key={`${one.level}${one.key}${one.value.is}`}>
                  {index > 0 && ', '}
                  <bdi>
                    {one.key} {words(one.value, one)}
                  </bdi>
                </span>
              ))}
            </p>
          )}
        </div>
      )}
    </li>
  )
}

function Name({ finding }: { finding: Finding }) {
  const { key, call, value } = finding
  if (call !== undefined) {
    return (
      <bdi className="cut" title={`${key} ${words(value, finding)}`}>
        {value.is === 'failed' ? 'a failed ' : value.value === '1' ? 'a ' : ''}call <Call call={call} />
        {value.is === '>=' && value.value !== '1' && (
          <>
            , <b>{value.value} times or more</b>
          </>
        )}
      </bdi>
    )
  }
  return (
    <bdi className="cut" title={`${key} ${words(value, finding)}`}>
      <span className="muted">{key}</span> <b>{words(value, finding)}</b>
    </bdi>
  )
}

function Call({ call }: { call: ComparedCall }) {
  return (
    <>
      <Swatch service={call.service} /> <b>{call.name}</b>
      <span className="muted">
        {' '}
        {call.service}
        {call.place !== '' && ` → ${call.place}`}
      </span>
    </>
  )
}

function words({ is, value }: ComparedValue, { level, key }: Pick<Finding, 'level' | 'key'>): string {
  if (is === 'absent') return 'is not there'
  if (is === 'failed') return 'failed'
  if (level === 'call') return `${value} times or more`
  if (is === '=' && level === 'field' && key === 'kind') return `= ${kindNames[Number(value)] ?? value}`
  if (is === '=') return `= ${value === '' ? '(empty)' : value}`
  return `${is === '>=' ? '≥' : '<'} ${value}`
}

const percent = (part: number, of: number): string => {
  const share = of === 0 ? 0 : (100 * part) / of
  if (share === 0 || share === 100) return `${share} %`
  return share < 1 ? '< 1 %' : share > 99 ? '> 99 %' : `${Math.round(share)} %`
}

function Bars({ value, selected, rest }: { value: ComparedValue; selected: ComparedSpans; rest: ComparedSpans }) {
  const sides = [
    ['selected', value.selected, selected.lookedAt],
    ['rest', value.rest, rest.lookedAt],
  ] as const
  return (
    <span className="why-bars">
      {sides.map(([side, part, of]) => (
        <span key={side} className="why-bar" title={`${part} of ${of}`}>
          <span className="why-track">
            <span className={`why-fill why-fill-${side}`} style={{ width: `${of === 0 ? 0 : (100 * part) / of}%` }} />
          </span>
          <span className="why-share">{percent(part, of)}</span>
        </span>
      ))}
    </span>
  )
}

/** Adds what was found to the search. */
function Narrow({ finding, value }: { finding: Finding; value: ComparedValue }) {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const change = narrowing(finding, value, search)
  if (change === undefined) return null
  return (
    <button
      type="button"
      className="button"
      title={`Search for ${finding.key} ${words(value, finding)} only`}
      onClick={() => void navigate({ to: '.', search: changed(search, change) })}
    >
      Narrow
    </button>
  )
}

/** What narrows a search to a value; undefined where the search has no word for it. */
function narrowing(finding: Finding, value: ComparedValue, search: Search): Partial<Search> | undefined {
  if (search.q !== undefined) {
    const condition = conditionOf(finding, value)
    const q = condition === undefined ? undefined : withCondition(search.q, condition)
    return q === undefined ? undefined : { q }
  }
  const { level, key } = finding
  if (value.is !== '=' || value.value === '' || level === 'call') return undefined
  if (level === 'field') return key === 'service' || key === 'operation' ? { [key]: value.value } : undefined
  const attribute = `${level}.${key}=${value.value}`
  const held = search.attribute ?? []
  return held.includes(attribute) ? undefined : { attribute: [...held, attribute] }
}

/** In TraceQL; of calls there is no word for how often. */
function conditionOf({ level, key }: Finding, { is, value }: ComparedValue): string | undefined {
  if (is === 'failed' || level === 'call') return undefined
  if (level === 'field') {
    const fields: Readonly<Record<string, string>> = {
      service: 'resource.service.name',
      operation: 'name',
      scope: 'instrumentation:name',
      'status message': 'statusMessage',
    }
    const field = fields[key]
    if (key === 'kind') return `kind = ${kindNames[Number(value)] ?? 'unspecified'}`
    return field === undefined || is !== '=' ? undefined : `${field} = ${quoted(value)}`
  }
  const scoped = `${level}.${key}`
  return is === 'absent' ? `${fieldOf(level, key)} = nil` : attributeIs(scoped, is, value)
}

function TimeRow({ time: { call, selectedNanos, restNanos, share } }: { time: DiagnosisTime }) {
  return (
    <li className="why-row">
      <div className="why-row-main">
        <span className="why-name">
          <bdi className="cut">
            {call === null ? (
              <>
                <b>their own code</b> <span className="muted">or waiting, outside of any call</span>
              </>
            ) : (
              <Call call={call} />
            )}
          </bdi>
        </span>
        <span className="why-bars">
          <span className="why-bar">
            <span className="why-track">
              <span className="why-fill why-fill-selected" style={{ width: `${100 * share}%` }} />
            </span>
            <span className="why-share">{percent(share, 1)}</span>
          </span>
          <span className="why-times">
            {text(duration(Math.round(selectedNanos)))} instead of {text(duration(Math.round(restNanos)))}
          </span>
        </span>
      </div>
    </li>
  )
}
