import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useRef, useState, type ReactNode, type RefObject } from 'react'
import { ApiError } from '../api/client.ts'
import {
  attributeKeysQuestion,
  attributeValuesQuestion,
  operationsQuestion,
  servicesQuestion,
} from '../api/questions.ts'
import { Choice } from '../design/Choice.tsx'
import { Swatch } from '../design/Figure.tsx'
import { Icon } from '../design/Icon.tsx'
import { Suggest, type Suggestion } from '../design/Suggest.tsx'
import { useClock } from '../frame/clock.tsx'
import { useKeys } from '../frame/keys.ts'
import { changed, type Search } from '../frame/search.ts'
import { useDraft } from '../frame/useDraft.ts'
import { parseDuration } from '../numbers/duration.ts'
import { count, text } from '../numbers/format.ts'
import {
  filterOf,
  limitOf,
  limits,
  noFilter,
  orderOf,
  orders,
  seenText,
  splitAttribute,
  statuses,
  toTraceql,
} from './filter.ts'
import { Lists } from './Lists.tsx'
import { isMetrics } from './metrics.ts'
import { QueryField } from './QueryField.tsx'
import { SearchesMenu, useRecent } from './SearchesMenu.tsx'

const traceqlDocs = 'https://grafana.com/docs/tempo/latest/traceql/construct-traceql-queries/'

type Change = Parameters<typeof changed>[1]

/** The whole state is in the URL: every field writes there and reads from there. */
export function SearchForm({ error }: { error: Error | null }) {
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const first = useRef<HTMLInputElement>(null)
  const set = (change: Change): void => {
    const next = changed(search, change)
    if (JSON.stringify(next) !== JSON.stringify(changed(search, {}))) void navigate({ to: '.', search: next })
  }
  useRecent(search, error !== null)
  useKeys({
    '/': () => {
      if (search.q !== undefined) return false
      first.current?.focus()
      first.current?.select()
      return true
    },
  })
  if (search.q !== undefined) {
    const wrong = error instanceof ApiError && error.status === 400 ? error : undefined
    return (
      <div className="search" role="search" aria-label="Search traces">
        <div className="search-fields">
          <QueryField query={search.q} wrong={wrong} onSet={(q) => set({ q })} />
          {!isMetrics(search.q) && <OrderAndLimit search={search} set={set} />}
        </div>
        <div className="search-attributes search-asked">
          <a href={traceqlDocs} target="_blank" rel="noopener noreferrer">
            TraceQL
          </a>
          <span className="muted search-words">
            finds spans by condition, by their place in the call tree, and by figures of the trace; and draws figures
            over time: <code>| rate() by (name)</code>
          </span>
          <Ways>
            <button type="button" className="button button-quiet" onClick={() => set({ q: undefined })}>
              Back to the form
            </button>
          </Ways>
        </div>
      </div>
    )
  }
  return (
    <div className="search" role="search" aria-label="Search traces">
      <div className="search-fields">
        <ServiceField search={search} set={set} inputRef={first} />
        <OperationField search={search} set={set} />
        <DurationField label="Min duration" value={search.min ?? ''} onSet={(min) => set({ min })} />
        <DurationField label="Max duration" value={search.max ?? ''} onSet={(max) => set({ max })} />
        <div className="search-field search-short">
          <span className="search-label">Status</span>
          <Choice
            label="Status"
            value={search.status ?? ''}
            options={statuses}
            onChange={(status) => set({ status })}
          />
        </div>
        <OrderAndLimit search={search} set={set} />
      </div>
      <Attributes search={search} set={set} />
    </div>
  )
}

interface FieldProps {
  search: Search
  set: (change: Change) => void
}

function OrderAndLimit({ search, set }: FieldProps) {
  return (
    <>
      <div className="search-field search-short">
        <span className="search-label">Order</span>
        <Choice
          label="Order"
          value={orderOf(search)}
          options={orders}
          onChange={(order) => set({ order: order === 'newest' ? undefined : order })}
        />
      </div>
      <div className="search-field search-tiny">
        <span className="search-label">Limit</span>
        <Choice
          label="Limit"
          value={limitOf(search)}
          options={limits.map((value) => ({ value, label: value }))}
          onChange={(limit) => set({ limit: limit === '100' ? undefined : limit })}
        />
      </div>
    </>
  )
}

function ServiceField({ search, set, inputRef }: FieldProps & { inputRef: RefObject<HTMLInputElement | null> }) {
  const clock = useClock()
  const [draft, setDraft] = useDraft(search.service ?? '')
  const { data } = useQuery(servicesQuestion(clock))
  const busiest = (data?.services ?? []).toSorted((a, b) => b.spans - a.spans)
  const suggestions: Suggestion[] = busiest.map((row) => ({
    value: row.name,
    note: `${text(count(row.spans))} spans`,
    mark: <Swatch service={row.name} />,
  }))
  return (
    <div className="search-field">
      <span className="search-label">Service</span>
      <Suggest
        label="Service"
        takeOnBlur
        placeholder="Any"
        inputRef={inputRef}
        value={draft}
        suggestions={suggestions}
        empty="No service of that name in this time range"
        onChange={setDraft}
        onChoose={(service) =>
          set({ service, ...(service === (search.service ?? '') ? {} : { operation: undefined }) })
        }
      />
    </div>
  )
}

function OperationField({ search, set }: FieldProps) {
  const clock = useClock()
  const [draft, setDraft] = useDraft(search.operation ?? '')
  const service = search.service ?? ''
  const { data } = useQuery({ ...operationsQuestion(clock, service), enabled: service !== '' })
  const suggestions = (service === '' ? [] : (data?.operations ?? [])).map((row) => ({
    value: row.name,
    note: `${text(count(row.spans))} spans`,
  }))
  return (
    <div className="search-field">
      <span className="search-label">Operation</span>
      <Suggest
        label="Operation"
        takeOnBlur
        placeholder="Any"
        value={draft}
        suggestions={suggestions}
        empty={service === '' ? 'Choose a service to see its operations' : 'No operation of that name'}
        onChange={setDraft}
        onChoose={(operation) => set({ operation })}
      />
    </div>
  )
}

function DurationField({ label, value, onSet }: { label: string; value: string; onSet: (text: string) => void }) {
  const [draft, setDraft] = useDraft(value)
  const parsed = parseDuration(draft)
  const wrong = draft.trim() !== '' && parsed === undefined
  const take = (): void => {
    if (draft.trim() === '') onSet('')
    if (parsed === undefined) return
    setDraft(parsed.text)
    onSet(parsed.text)
  }
  return (
    <label className="search-field search-tiny">
      <span className="search-label">{label}</span>
      <input
        className="field"
        placeholder="100ms"
        spellCheck={false}
        autoComplete="off"
        aria-invalid={wrong}
        title={wrong ? 'A number and a unit: 250µs, 100ms, 1.5s' : undefined}
        value={draft}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={take}
        onKeyDown={(event) => event.key === 'Enter' && take()}
      />
    </label>
  )
}

function Attributes({ search, set }: FieldProps) {
  const clock = useClock()
  const [draft, setDraft] = useState('')
  const [touched, setTouched] = useState(false)
  const chips = search.attribute ?? []
  const typed = splitAttribute(draft)
  const bareKey = typed?.key.replace(/^(span|resource)\./, '') ?? ''
  const keys = useQuery({ ...attributeKeysQuestion(clock, search.service), enabled: touched })
  const values = useQuery({
    ...attributeValuesQuestion(clock, typed?.key ?? '', search.service),
    enabled: touched && bareKey !== '',
  })
  const suggestions: Suggestion[] =
    typed === undefined
      ? (keys.data?.keys ?? []).map((key) => ({
          value: `${key.level === 'resource' ? 'resource.' : ''}${key.key}=`,
          note: seenText(key),
        }))
      : (values.data?.key === typed.key ? values.data.values : []).map(({ value, count: many }) => ({
          value: `${typed.key}=${value}`,
          note: text(count(many)),
        }))
  const add = (chosen: string): void => {
    const attribute = splitAttribute(chosen)
    if (attribute === undefined || attribute.value === '') return
    setDraft('')
    if (!chips.includes(chosen)) set({ attribute: [...chips, chosen] })
  }
  return (
    <div className="search-attributes">
      {chips.map((chip) => (
        <AttributeChip
          key={chip}
          chip={chip}
          onRemove={() => set({ attribute: chips.filter((other) => other !== chip) })}
        />
      ))}
      <div className="search-attribute">
        <Suggest
          label="Add an attribute filter"
          placeholder="Add attribute: http.route=/cart"
          value={draft}
          suggestions={suggestions}
          empty={typed === undefined ? 'Type key=value' : 'Enter takes the value as typed'}
          onOpen={() => setTouched(true)}
          onChange={setDraft}
          onChoose={add}
        />
      </div>
      <ClearAll search={search} set={set} />
      <Ways>
        <button
          type="button"
          className="button button-quiet"
          title="The same search as text, with or, not, regular expressions and the call tree"
          onClick={() => set({ ...noFilter, q: toTraceql(filterOf(search)) })}
        >
          Write as TraceQL
        </button>
      </Ways>
    </div>
  )
}

/** How what is found is listed, and how the search is written. */
function Ways({ children }: { children: ReactNode }) {
  const search = useSearch({ from: '__root__' })
  return (
    <span className="search-ways">
      {!isMetrics(search.q) && <Lists />}
      <span className="search-lists">
        <SearchesMenu />
        {children}
      </span>
    </span>
  )
}

function AttributeChip({ chip, onRemove }: { chip: string; onRemove: () => void }) {
  const attribute = splitAttribute(chip)
  return (
    <span className="chip" title={chip}>
      <bdi className="cut">
        <span className="muted">{attribute?.key ?? chip}</span>
        {attribute !== undefined && ` = ${attribute.value}`}
      </bdi>
      <button type="button" className="chip-remove" aria-label={`Remove the filter ${chip}`} onClick={onRemove}>
        <Icon name="close" size={12} />
      </button>
    </span>
  )
}

function ClearAll({ search, set }: FieldProps) {
  const filtered = Object.keys(noFilter).some((name) => search[name as keyof typeof noFilter] !== undefined)
  if (!filtered) return null
  return (
    <button type="button" className="button button-quiet" onClick={() => set(noFilter)}>
      Clear filters
    </button>
  )
}
