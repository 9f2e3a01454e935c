import type { RunningWeft } from '../weft.ts'

export type Protocol = 'grpc' | 'http/protobuf' | 'http/json'

export interface RunningClient {
  /** Makes a trace of one span, or the one of `checkout`; resolves to its id, before it is sent. */
  trace(name: string): Promise<string>
  /** Ends it in order, so that it sends what is left. */
  end(): Promise<void>
  kill(): Promise<void>
  stderr(): string
}

export interface Client {
  /** As in behaviour.ts. */
  readonly name: string
  readonly protocols: readonly Protocol[]
  /** Why it cannot be had. */
  readonly missing: string | undefined
  /** Fetches or builds it; once. */
  prepare(): Promise<void>
  /** After all: ends what `prepare` started. */
  close?(): Promise<void>
  /** @param timeoutSeconds how long it may go on with a request, where that can be said */
  start(protocol: Protocol, endpoint: string, timeoutSeconds?: number): Promise<RunningClient>
  /** Makes a trace with all that there is, and looks at what Weft has of it. */
  story(running: RunningClient, weft: RunningWeft): Promise<void>
}
