import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { HealthAnswer, TraceAnswer } from '../query-api/types.ts'
import { encode, hexOf, messageOf, newTraceId, post, spanOf } from './requests.ts'
import { eventually, type Role, type RunningWeft } from './weft.ts'

export const allRoles = ['collector', 'ingest', 'store', 'query-api'] as const

export const pidsOf = (weft: RunningWeft) => allRoles.map((role) => weft.pid(role))

/** The roles are the same processes as before, healthy, and a span that is sent now is shown within `withinMs`. */
export async function expectAlive(
  weft: RunningWeft,
  before: readonly (number | undefined)[],
  withinMs = 10_000,
): Promise<void> {
  expect(pidsOf(weft)).toEqual(before)
  const health = await weft.get<HealthAnswer>('/api/health')
  for (const role of Object.values(health.roles)) expect(role).toMatchObject({ ok: true })
  await expectShown(weft, withinMs)
  expect(weft.stderr()).not.toMatch(/unhandledRejection|UnhandledPromiseRejection|uncaughtException/)
}

/** Sends one span of a trace of its own and waits for it to be shown. */
export async function expectShown(weft: RunningWeft, withinMs = 10_000): Promise<void> {
  const traceId = newTraceId()
  const answer = await post(weft.otlpHttp, encode(messageOf('control', [spanOf({ traceId })])))
  expect(answer.status).toBe(200)
  const trace = await traceOf(weft, hexOf(traceId), 1, withinMs)
  expect(trace.spanCount).toBe(1)
}

/** The trace, once it has so many spans. */
export function traceOf(weft: RunningWeft, traceId: string, spans: number, withinMs = 20_000): Promise<TraceAnswer> {
  return eventually(async () => {
    const trace = await weft.get<TraceAnswer>(`/api/traces/${traceId}`)
    return trace.spanCount >= spans && trace
  }, withinMs)
}

/** Resident memory in MiB: now, and the most so far. Linux only. */
export function memoryOf(weft: RunningWeft, role: Role): { readonly now: number; readonly peak: number } {
  return memoryOfPid(weft.pid(role))
}

export function memoryOfPid(pid: number | undefined): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mebibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) / 1024
  return { now: Math.round(mebibytes('VmRSS')), peak: Math.round(mebibytes('VmHWM')) }
}

/** All roles' memory, as a person reads it beside a test's name. */
export function memoryText(weft: RunningWeft): string {
  return allRoles.map((role) => `${role} ${memoryOf(weft, role).now}/${memoryOf(weft, role).peak} MiB`).join(', ')
}
