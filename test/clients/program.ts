import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { toldVariables } from '../replaced.ts'
import type { Protocol, RunningClient } from './client.ts'

export const serviceName = 'shop'

/** What an exporter has for a request and all its tries, unless told otherwise. */
export const usualTimeoutSeconds = 10

/**
 * What a user sets so that a client sends its traces here.
 *
 * @param guide the file, from the root of the repository, that tells what to set; service, protocol and address are others here
 */
export function clientVariables(
  guide: string,
  protocol: Protocol,
  endpoint: string,
  timeoutSeconds = usualTimeoutSeconds,
): Record<string, string> {
  const timeoutMs = String(timeoutSeconds * 1_000)
  return {
    ...toldVariables(readFileSync(new URL(`../../${guide}`, import.meta.url), 'utf8')),
    OTEL_SERVICE_NAME: serviceName,
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=s%C3%BCd',
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    // In place of 5 s.
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_EXPORTER_OTLP_TIMEOUT: timeoutMs,
    // It has a time-out of its own over the exporter's.
    ...(timeoutSeconds > usualTimeoutSeconds && { OTEL_BSP_EXPORT_TIMEOUT: timeoutMs }),
    OTEL_SEMCONV_STABILITY_OPT_IN: 'http',
  }
}

/**
 * Starts a program of `programs/`: a line to it makes a trace, and is answered with the trace id.
 *
 * @param variables its environment, besides PATH and HOME
 */
export function startProgram(
  command: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): RunningClient {
  const { PATH, HOME, JAVA_HOME } = process.env
  const child = spawn(command, args, {
    env: { PATH, HOME, ...(JAVA_HOME && { JAVA_HOME }), ...variables },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let err = ''
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  child.stdin.on('error', () => {})
  const waiting: PromiseWithResolvers<string>[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!/^[0-9a-f]{32}$/.test(line)) return
    if (/^0+$/.test(line)) waiting.shift()?.reject(new Error(`nothing is traced in ${command}:\n${err}`))
    else waiting.shift()?.resolve(line)
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      const error = new Error(`${command} ended with ${code}:\n${err}`)
      for (const answer of waiting.splice(0)) answer.reject(error)
      if (code === 0) resolve()
      else reject(error)
    })
  })
  ended.catch(() => {})
  return {
    trace(line) {
      const answer = Promise.withResolvers<string>()
      waiting.push(answer)
      child.stdin.write(`${line}\n`)
      return answer.promise
    },
    end() {
      child.stdin.end()
      return ended
    },
    async kill() {
      child.kill('SIGKILL')
      await ended.catch(() => {})
    },
    stderr: () => err,
  }
}
