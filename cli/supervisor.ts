import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AppError, messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { Asker, type Facts, type Message, type Question } from './messages.ts'

/** How a role is started: as a child process of `weft <name> …flags`. */
export interface RoleCommand {
  readonly name: string
  /** The flags; `facts` are those of the last start, so that a restarted role takes the same ports again. */
  flags(facts: Facts | undefined): readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly execArgv?: readonly string[]
}

const shortestPauseMs = 100
const longestPauseMs = 5_000
/** A role that lived this long starts again at once; one that dies sooner waits, twice as long each time. */
const livedLongMs = 10_000

/** One role as a child process, started again whenever it dies without having been told to. */
export class RoleProcess {
  readonly #command: RoleCommand
  readonly #log: Log
  readonly #answer: (what: Question) => Promise<unknown>
  #child: ChildProcess | undefined
  #asker: Asker | undefined
  #facts: Facts | undefined
  #ready = false
  #stopping = false
  #restart: NodeJS.Timeout | undefined
  #pauseMs = shortestPauseMs

  constructor(command: RoleCommand, log: Log, answer: (what: Question) => Promise<unknown>) {
    this.#command = command
    this.#log = log
    this.#answer = answer
  }

  get name(): string {
    return this.#command.name
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Settles when the role serves; rejects with its own words when it could not start. */
  async start(): Promise<Facts> {
    const facts = await this.#spawn()
    this.#facts = facts
    return facts
  }

  async ask(what: Question): Promise<unknown> {
    return this.#ready ? this.#asker?.ask(what, 2_000) : undefined
  }

  /** Tells the role to stop and waits for its end; after `withinMs` it is killed. Resolves to whether it ended in order. */
  async stop(withinMs: number): Promise<boolean> {
    this.#stopping = true
    clearTimeout(this.#restart)
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return true
    const wasReady = this.#ready
    const ended = new Promise<boolean>((resolve) => child.once('exit', (code) => resolve(code === 0 || !wasReady)))
    // A role that could not start is ending by itself: a channel that is closed already is nothing to tell of.
    const terminate = (error: Error | null) => error && child.kill('SIGTERM')
    if (child.connected) child.send({ type: 'stop' } satisfies Message, terminate)
    else child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs)
    const inOrder = await ended
    clearTimeout(timer)
    return inOrder
  }

  #spawn(): Promise<Facts> {
    const begun = performance.now()
    return new Promise((resolve, reject) => {
      const ended = (how: {
        readonly code?: number | null
        readonly signal?: string | null
        readonly error?: string
      }) => {
        const wasReady = this.#ready
        this.#ready = false
        reject(
          new AppError(
            'UNAVAILABLE',
            `ended before it was ready (${how.error ?? how.signal ?? `exit code ${how.code}`})`,
          ),
        )
        if (this.#stopping || (!wasReady && this.#facts === undefined)) return
        this.#pauseMs =
          performance.now() - begun > livedLongMs ? shortestPauseMs : Math.min(this.#pauseMs * 2, longestPauseMs)
        this.#log.warn({ ...how, role: this.name, pauseMs: this.#pauseMs }, 'role ended, starting it again')
        this.#restart = setTimeout(() => {
          this.#spawn().catch((error: unknown) =>
            this.#log.error({ role: this.name, error: String(error) }, 'role did not start again'),
          )
        }, this.#pauseMs)
      }
      let child: ChildProcess
      try {
        child = this.#fork()
      } catch (error) {
        ended({ error: messageOf(error) })
        return
      }
      this.#child = child
      const asker = new Asker((message) => child.send(message, () => {}))
      this.#asker = asker
      child.on('message', (message: Message) => {
        switch (message.type) {
          case 'ready':
            this.#ready = true
            resolve(message.facts)
            break
          case 'failed':
            reject(new AppError('UNAVAILABLE', message.message))
            break
          case 'answer':
            asker.answered(message.id, message.value)
            break
          case 'ask':
            void this.#answer(message.what).then((value) => {
              if (child.connected) child.send({ type: 'answer', id: message.id, value } satisfies Message, () => {})
            })
            break
          case 'stop':
            break
        }
      })
      child.on('exit', (code, signal) => ended({ code, signal }))
      // The machine has no process or memory left for it: then there is no `exit`.
      child.on('error', (error) => {
        if (child.pid === undefined) ended({ error: error.message })
        else this.#log.warn({ role: this.name, error: error.message }, 'a role cannot be reached')
      })
    })
  }

  #fork(): ChildProcess {
    return fork(
      fileURLToPath(new URL('weft.js', import.meta.url)),
      [this.#command.name, ...this.#command.flags(this.#facts)],
      {
        execArgv: [...(this.#command.execArgv ?? [])],
        // WEFT_ADMIN is one address, for one role that somebody started: all of them would want it. Nor is there anybody
        // before them who has to notice that they stop.
        env: { ...process.env, WEFT_ADMIN: undefined, WEFT_DRAIN: undefined, ...this.#command.env },
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        serialization: 'advanced',
      },
    )
  }
}
