/** What a role and the process that started it tell each other over the child's IPC channel. */
export type Question = 'metrics' | 'health' | 'roles'

export type Message =
  /** The role serves; `facts` are its addresses, as `host:port`. */
  | { readonly type: 'ready'; readonly facts: Facts }
  /** The role could not start: one line for the person who started it. */
  | { readonly type: 'failed'; readonly message: string }
  /** Stop in order, then exit. */
  | { readonly type: 'stop' }
  | { readonly type: 'ask'; readonly id: number; readonly what: Question }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }

export type Facts = Readonly<Record<string, string>>

/** Asks over one channel and matches the answers that come back. */
export class Asker {
  readonly #send: (message: Message) => void
  readonly #waiting = new Map<number, (value: unknown) => void>()
  #next = 1

  constructor(send: (message: Message) => void) {
    this.#send = send
  }

  /** The other side's answer, or undefined when none came within `timeoutMs` or the channel is closed. */
  ask(what: Question, timeoutMs: number): Promise<unknown> {
    const id = this.#next++
    return new Promise((resolve) => {
      const settle = (value: unknown) => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        resolve(value)
      }
      const timer = setTimeout(settle, timeoutMs, undefined)
      this.#waiting.set(id, settle)
      try {
        this.#send({ type: 'ask', id, what })
      } catch {
        settle(undefined)
      }
    })
  }

  answered(id: number, value: unknown): void {
    this.#waiting.get(id)?.(value)
  }
}
