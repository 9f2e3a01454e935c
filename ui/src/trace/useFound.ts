import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import type { Place } from '../api/client.ts'
import { ApiError } from '../api/client.ts'
import { matchesQuestion } from '../api/questions.ts'
import { findNodes, isOfNames, wordsOf } from './find.ts'
import type { TraceModel } from './model.ts'

/** What a search within a trace found. */
export interface Found {
  /** Nodes, in order. A folded span is found as the one that it is folded into. */
  readonly nodes: readonly number[]
  /** What was typed, as it was asked of the server. */
  readonly query: string
  readonly isAsking: boolean
  /** Words were looked for in names and ids alone: there is nobody to ask for the rest. */
  readonly isOfNames: boolean
  /** Why nothing is found. */
  readonly wrong: { readonly message: string; readonly place: Place | undefined } | undefined
}

/** What the server is asked: TraceQL, or words. */
export type Asked = Parameters<typeof matchesQuestion>[1]

const none: readonly number[] = []
/** Whoever types does not ask with every key. */
const settlesMs = 300

/**
 * The spans that match what was typed: TraceQL by the server, words by the page; where the page has no attributes, words by
 * both. The server has the trace if it `isStored`.
 */
export function useFound(model: TraceModel, typed: string, isStored: boolean): Found {
  const { isWhole } = model.sent
  const asked = useMemo(() => askedOf(typed, isWhole), [typed, isWhole])
  const isTraceql = asked !== undefined && 'q' in asked
  const atHand = useMemo(() => (isTraceql ? none : findNodes(model, typed)), [model, typed, isTraceql])
  const [settled, setSettled] = useState({ asked, typed })
  useEffect(() => {
    const timer = setTimeout(() => setSettled({ asked, typed }), asked === undefined ? 0 : settlesMs)
    return () => clearTimeout(timer)
  }, [asked, typed])
  const isSettled = settled.asked === asked
  const answer = useQuery({
    ...matchesQuestion(model.answer.traceId, settled.asked ?? { word: [] }),
    enabled: isStored && settled.asked !== undefined && asked !== undefined,
    // Words are shown as far as they are at hand meanwhile.
    ...(isTraceql ? { placeholderData: keepPreviousData } : {}),
  })
  const { data, error } = answer
  const matched = useMemo(() => {
    const places = new Set(data?.spanIds.map((id) => model.nodes.indexOf(id)))
    places.delete(-1)
    return [...places].sort((a, b) => a - b)
  }, [data, model])
  const found = { query: typed.trim(), isAsking: false, isOfNames: false, wrong: undefined }
  if (asked === undefined) return { ...found, nodes: atHand }
  if (!isStored) {
    return isTraceql
      ? { ...found, nodes: none, wrong: { message: notStored, place: undefined } }
      : { ...found, nodes: atHand, isOfNames: true }
  }
  const isAsking = !isSettled || answer.isFetching
  if (error === null) {
    const isAnswered = isTraceql || (isSettled && data !== undefined)
    return { ...found, nodes: isAnswered ? matched : atHand, isAsking }
  }
  const place = error instanceof ApiError ? error.place : undefined
  const wrong = isAsking ? undefined : { message: error.message, place }
  return { ...found, nodes: isTraceql ? none : atHand, query: settled.typed.trim(), isAsking, wrong }
}

const notStored = 'TraceQL is for traces that are stored. In this one words and key=value are searched for.'

/** What is to be asked of the server for what is typed, where the page has all attributes (`isWhole`) or not. */
export function askedOf(typed: string, isWhole: boolean): Asked | undefined {
  const text = typed.trim()
  if (/^[(\s]*\{/.test(text)) return { q: text }
  const words = wordsOf(text)
  return isWhole || words.every(isOfNames) ? undefined : { word: words }
}
