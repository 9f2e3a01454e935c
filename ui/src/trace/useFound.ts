import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import type { Place } from '../api/client.ts'
import { ApiError } from '../api/client.ts'
import { matchesQuestion } from '../api/questions.ts'
import { attributeIs } from '../traces/filter.ts'
import { findNodes } from './find.ts'
import type { TraceModel } from './model.ts'

/** What a search within a trace found. */
export interface Found {
  /** Nodes, in order. A folded span is found as the one that it is folded into. */
  readonly nodes: readonly number[]
  /** The query that is asked of the server; '' where the page itself looks. */
  readonly query: string
  readonly isAsking: boolean
  /** Why nothing is found. */
  readonly wrong: { readonly message: string; readonly place: Place | undefined } | undefined
}

const none: readonly number[] = []
/** Whoever types does not ask with every key. */
const settlesMs = 300

/** The spans that match what was typed: words by the page, TraceQL by the server, which has the trace if it `isStored`. */
export function useFound(model: TraceModel, typed: string, isStored: boolean): Found {
  const query = queryOf(typed, model.sent.isWhole)
  const words = useMemo(() => (query === '' ? findNodes(model, typed) : none), [model, typed, query])
  const [settled, setSettled] = useState(query)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(query), query === '' ? 0 : settlesMs)
    return () => clearTimeout(timer)
  }, [query])
  const asked = useQuery({
    ...matchesQuestion(model.answer.traceId, settled),
    enabled: isStored && settled !== '' && query !== '',
    placeholderData: keepPreviousData,
  })
  const { data, error } = asked
  const matched = useMemo(() => {
    const places = new Set(data?.spanIds.map((id) => model.nodes.indexOf(id)))
    places.delete(-1)
    return [...places].sort((a, b) => a - b)
  }, [data, model])
  if (query === '') return { nodes: words, query, isAsking: false, wrong: undefined }
  if (!isStored) return { nodes: none, query, isAsking: false, wrong: { message: notStored, place: undefined } }
  const isAsking = settled !== query || asked.isFetching
  if (error === null) return { nodes: matched, query, isAsking, wrong: undefined }
  const place = error instanceof ApiError ? error.place : undefined
  return { nodes: none, query: settled, isAsking, wrong: isAsking ? undefined : { message: error.message, place } }
}

const notStored = 'TraceQL is for traces that are stored. In this one words and key=value are searched for.'

/**
 * What is typed as TraceQL, '' for words. Where the page has no attributes (`isWhole` false), `key=value` is asked of the
 * server as well: for the whole value, as it was sent.
 */
export function queryOf(typed: string, isWhole: boolean): string {
  const text = typed.trim()
  if (/^[(\s]*\{/.test(text)) return text
  const words = text.split(/\s+/)
  const pairs = words.flatMap((word) => {
    const [, key = '', value = ''] = /^([^=]+)=(.+)$/.exec(word) ?? []
    return key === '' ? [] : [attributeIs(key, '=', value)]
  })
  return isWhole || pairs.length < words.length ? '' : `{ ${pairs.join(' && ')} }`
}
