import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import type { Component } from '../base/component.ts'
import type { Log } from '../base/log.ts'
import type { Reader } from '../store/contract.ts'

export interface QueryApiOptions {
  readonly host: string
  /** 0: any free port, told by `address` after `open`. */
  readonly port: number
  readonly reader: Reader
  /** Path before everything, for a reverse proxy: `/weft`. */
  readonly basePath?: string
  /** Host names answered to besides localhost, 127.0.0.1 and [::1]. */
  readonly allowedHosts?: readonly string[]
  /** Folder of the built UI. */
  readonly uiFolder?: string
  /** Text of GET /metrics, Prometheus' exposition format; without it, that of `metrics`. */
  readonly metricsText?: () => Promise<string>
  /** Health of the roles, shown by GET /api/health. */
  readonly status?: () => Promise<object>
  /** Where programs send their spans, told to the UI. */
  readonly addresses?: { readonly otlpHttp: string; readonly otlpGrpc: string }
  readonly log: Log
  readonly metrics: Registry
}

export interface QueryApi extends Component {
  /** Where it listens; known after `open`. */
  readonly address: AddressInfo
}

/** The read side: HTTP API, its own description and metrics, and the UI's files. */
export declare function createQueryApi(options: QueryApiOptions): QueryApi
