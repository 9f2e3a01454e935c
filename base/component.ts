/** Every long-lived part. `close` is idempotent, safe before `open`, and drains until the signal aborts. */
export interface Component {
  open(signal: AbortSignal): Promise<void>
  close(signal: AbortSignal): Promise<void>
  health(): Health
}
export type Health = { readonly ok: true } | { readonly ok: false; readonly reason: string }
