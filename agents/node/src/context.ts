import { EventEmitter } from 'node:events'
import {
  type Context,
  ROOT_CONTEXT,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'

/**
 * A context as a short list of keys and values. Several are made for each request; the API's own is a map and three
 * closures each time.
 */
class ListContext implements Context {
  // Keys and values in turn.
  readonly #entries: readonly unknown[]

  constructor(entries: readonly unknown[]) {
    this.#entries = entries
  }

  getValue(key: symbol): unknown {
    const entries = this.#entries
    for (let i = 0; i < entries.length; i += 2) if (entries[i] === key) return entries[i + 1]
    return undefined
  }

  setValue(key: symbol, value: unknown): Context {
    const entries = this.#entries.slice()
    let i = 0
    while (i < entries.length && entries[i] !== key) i += 2
    entries[i] = key
    entries[i + 1] = value
    return new ListContext(entries)
  }

  deleteValue(key: symbol): Context {
    const entries = this.#entries
    const kept: unknown[] = []
    for (let i = 0; i < entries.length; i += 2) if (entries[i] !== key) kept.push(entries[i], entries[i + 1])
    return new ListContext(kept)
  }
}

const root: Context = new ListContext([])

const bound = Symbol('weft.context')
type Emit = (this: EventEmitter, event: string | symbol, ...parameters: unknown[]) => boolean
interface Bound extends EventEmitter {
  [bound]?: { readonly context: Context; readonly manager: ContextManager; readonly emit: Emit }
}

/** The SDK's manager of contexts, on AsyncLocalStorage, with cheaper contexts and cheaper emitters. */
export class ContextManager extends AsyncLocalStorageContextManager {
  override active(): Context {
    const active = super.active()
    return active === ROOT_CONTEXT ? root : active
  }

  /**
   * Listeners of a bound emitter run in the context that it was bound to first. The SDK wraps each listener and all the
   * methods that add and remove them, ten closures an emitter and two emitters a request; here it is `emit` alone.
   */
  override bind<T>(context: Context, target: T): T {
    if (typeof target === 'function') return this.#boundFunction(context, target as unknown as Callback) as T
    if (!(target instanceof EventEmitter)) return target
    const emitter: Bound = target
    if (emitter[bound] === undefined) {
      // oxlint-disable-next-line typescript/unbound-method -- called with the emitter
      emitter[bound] = { context, manager: this, emit: emitter.emit as Emit }
      emitter.emit = emitBound
    }
    return target
  }

  // Several a statement: without the wrapper's length set to the function's, which costs more than the wrapper.
  #boundFunction(context: Context, target: Callback): Callback {
    const run = (self: unknown, parameters: unknown[]): unknown =>
      this.with(context, () => target.apply(self, parameters))
    return function (this: unknown, ...parameters: unknown[]): unknown {
      return run(this, parameters)
    }
  }
}

type Callback = (this: unknown, ...parameters: unknown[]) => unknown

function emitBound(this: Bound, event: string | symbol, ...parameters: unknown[]): boolean {
  const to = this[bound]
  if (to === undefined) return false
  // Most events of a request are for nobody but Node itself.
  if (this.listenerCount(event) === 0 && event !== 'error') return false
  return to.manager.with(to.context, to.emit as (...all: unknown[]) => boolean, this, event, ...parameters)
}

/** A propagator that reads into the cheaper contexts, too. */
export function intoListContexts(inner: TextMapPropagator): TextMapPropagator {
  return {
    inject: (context: Context, carrier: unknown, setter: TextMapSetter) => inner.inject(context, carrier, setter),
    extract: (context: Context, carrier: unknown, getter: TextMapGetter) =>
      inner.extract(context === ROOT_CONTEXT ? root : context, carrier, getter),
    fields: () => inner.fields(),
  }
}
