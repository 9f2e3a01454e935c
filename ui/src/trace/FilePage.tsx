import './trace.css'
import { useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useRef, useState, type ReactNode } from 'react'
import type { FileAnswer, TraceAnswer } from '../../../query-api/types.ts'
import { fileQuestion } from '../api/file.ts'
import { useQuestion } from '../api/useQuestion.ts'
import { Choice } from '../design/Choice.tsx'
import { Empty, Waiting } from '../design/State.tsx'
import { useClock } from '../frame/clock.tsx'
import { carried, changed } from '../frame/search.ts'
import { useTitle } from '../frame/useTitle.ts'
import { count, duration, text } from '../numbers/format.ts'
import { buildModel } from './model.ts'
import { TraceView } from './TraceView.tsx'

/** Traces from a file, in the views of stored ones; the server puts them together and keeps nothing. */
export function FilePage() {
  useTitle('A file')
  const search = useSearch({ from: '__root__' })
  const navigate = useNavigate()
  const queries = useQueryClient()
  const [file, setFile] = useState<File>()
  const question = fileQuestion(file, search.clocks === 'corrected' ? 'corrected' : 'sent', useClock().proxies)
  const asked = useQuestion({
    ...question,
    // The same file on other clocks stays on screen until it is there.
    placeholderData: (was, before) => (before?.queryKey[1] === question.queryKey[1] ? was : undefined),
  })
  const { data, error, isFetching } = asked
  const open = (next: File): void => {
    setFile(next)
    void navigate({ to: '.', search: carried(search), replace: true })
  }
  const traces = data?.traces ?? []
  const trace = traces.find(({ traceId }) => traceId === search.trace) ?? traces[0]
  return (
    <Drop onFile={open}>
      <Waiting active={isFetching} onCancel={() => void queries.cancelQueries({ queryKey: ['file'] })} />
      {trace === undefined || error !== null ? (
        <Choose error={error} name={file?.name} isReading={isFetching} onFile={open} />
      ) : (
        <Shown key={`${file?.name} ${trace.traceId}`} trace={trace}>
          <FileNote
            name={file?.name ?? ''}
            answer={data}
            trace={trace}
            onFile={open}
            onTrace={(traceId) =>
              void navigate({ to: '.', search: changed(carried(search), { trace: traceId, clocks: search.clocks }) })
            }
          />
        </Shown>
      )}
    </Drop>
  )
}

function Shown({ trace, children }: { trace: TraceAnswer; children: ReactNode }) {
  const model = useMemo(() => buildModel(trace), [trace])
  return (
    <div className="trace">
      <TraceView model={model} error={null} from={children} />
    </div>
  )
}

/** Takes a file that is dropped anywhere on the page. */
function Drop({ onFile, children }: { onFile: (file: File) => void; children: ReactNode }) {
  const [over, setOver] = useState(false)
  return (
    // Who has no pointer has the button.
    <div
      className="file"
      data-over={over}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={(event) => {
        if (!(event.relatedTarget instanceof Node) || !event.currentTarget.contains(event.relatedTarget)) setOver(false)
      }}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        const [file] = event.dataTransfer.files
        if (file !== undefined) onFile(file)
      }}
    >
      {children}
    </div>
  )
}

/** A button that opens the system's choice of files. */
function ChooseButton({ main, label, onFile }: { main?: boolean; label: string; onFile: (file: File) => void }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input}
        className="visually-hidden"
        type="file"
        accept=".json,.jsonl,.ndjson,application/json"
        tabIndex={-1}
        aria-label="File with traces"
        onChange={(event) => {
          const [file] = event.target.files ?? []
          if (file !== undefined) onFile(file)
          // The same file once more is a change, too: it may have another content.
          event.target.value = ''
        }}
      />
      <button
        type="button"
        className={main === true ? 'button button-main' : 'trace-link'}
        onClick={() => input.current?.click()}
      >
        {label}
      </button>
    </>
  )
}

function Choose(props: {
  error: Error | null
  name: string | undefined
  isReading: boolean
  onFile: (file: File) => void
}) {
  const { error, name, isReading, onFile } = props
  const search = useSearch({ from: '__root__' })
  return (
    <Empty
      title={
        error !== null ? `“${name}” cannot be read` : isReading ? `Reading “${name}”` : 'Look at traces from a file'
      }
      actions={
        <>
          <ChooseButton main label="Choose a file" onFile={onFile} />
          <Link className="button" to="/traces" search={carried(search)}>
            To the traces
          </Link>
        </>
      }
    >
      {error === null ? (
        <p>
          Drop it here: OTLP as JSON (one request, or one a line as the Collector writes them), or the JSON of Jaeger’s
          UI. Nothing of it is stored.
        </p>
      ) : (
        <p className="trace-errors" role="alert">
          {error.message}
        </p>
      )}
    </Empty>
  )
}

/** Says that this is a file, and which of its traces is shown. */
function FileNote(props: {
  name: string
  answer: FileAnswer | undefined
  trace: TraceAnswer
  onFile: (file: File) => void
  onTrace: (traceId: string) => void
}) {
  const { name, answer, trace, onFile, onTrace } = props
  const traces = answer?.traces ?? []
  const rejected = answer?.rejectedSpans ?? 0
  return (
    <>
      <li>
        From the file <bdi>{name}</bdi>; nothing of it is stored. <ChooseButton label="Another file" onFile={onFile} />
      </li>
      {traces.length > 1 && (
        <li className="file-traces">
          <Choice
            label="Trace of the file"
            value={trace.traceId}
            options={traces.map((one) => ({ value: one.traceId, label: titleOf(one) }))}
            onChange={onTrace}
          />
          {answer?.more === true && <span className="muted">the first {traces.length}; there are more</span>}
        </li>
      )}
      {rejected > 0 && (
        <li>
          {text(count(rejected))} {rejected === 1 ? 'span is' : 'spans are'} left out: their ids are none.
        </li>
      )}
    </>
  )
}

function titleOf({ spans, roots, spanCount, durationNanos }: TraceAnswer): string {
  const root = spans.find(({ spanId }) => spanId === roots[0])
  return `${root?.service ?? ''}: ${root?.name ?? ''} (${text(count(spanCount))} spans, ${text(duration(durationNanos))})`
}
