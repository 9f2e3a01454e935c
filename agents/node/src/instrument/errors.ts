import { requestThrew } from './request-error.ts'

type Handle = (this: unknown, ...parameters: unknown[]) => unknown
type Methods<Name extends string> = Record<Name, Handle>

/**
 * express 4 and 5. A handler's error goes from layer to layer until an error handler takes it, and out of the router
 * where none does: it is seen on its way, so nothing is wrapped around handlers. Per request it costs a closure for each
 * router.
 */
export function tellErrorsOfExpress(express: unknown): void {
  const { Router } = express as { Router: () => object }
  const router = Router() as Methods<'use' | 'handle'> & { stack: object[] }
  // Neither class is exported by both versions.
  router.use(() => {})
  const layers = Object.getPrototypeOf(router.stack[0]) as Methods<'handleError' | 'handle_error'>
  const routers = ownerOf('handle', router)

  const name = 'handleError' in layers ? 'handleError' : 'handle_error'
  const handleError = layers[name]
  layers[name] = function (this: unknown, error, request, ...more) {
    requestThrew(request, error)
    return handleError.call(this, error, request, ...more)
  }
  const { handle } = routers
  routers.handle = function (this: unknown, request, response, done) {
    return handle.call(this, request, response, (error: unknown, ...more: unknown[]) => {
      if (error) requestThrew(request, error)
      return (done as Handle)(error, ...more)
    })
  }
}

/** The prototype that a method is from; in express 5 it is not the nearest one. */
function ownerOf<Name extends string>(name: Name, object: object): Methods<Name> {
  let owner = object
  while (!Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner) as object
  return owner as Methods<Name>
}

interface KoaContext {
  readonly req?: unknown
}

/** koa 2 and 3: what a middleware throws, also where another one catches it, and what is emitted as its error. */
export function tellErrorsOfKoa(koa: unknown): void {
  const application = (koa as { prototype: Methods<'use' | 'emit'> }).prototype
  const { use, emit } = application
  application.use = function (this: unknown, ...parameters) {
    const used = use.apply(this, parameters)
    const { middleware } = this as { middleware: Middleware[] }
    const last = middleware.pop()
    if (last !== undefined) middleware.push(observed(last))
    return used
  }
  // A body that is a stream fails when the middleware is through.
  application.emit = function (this: unknown, ...parameters) {
    const [event, error, context] = parameters
    if (event === 'error') requestThrew((context as KoaContext | undefined)?.req, error)
    return emit.apply(this, parameters)
  }
}

type Middleware = (context: KoaContext, next: () => Promise<unknown>) => unknown

function observed(middleware: Middleware): Middleware {
  const observing: Middleware = (context, next) => {
    const threw = (error: unknown): never => {
      requestThrew(context.req, error)
      throw error
    }
    try {
      const result = middleware(context, next)
      return result instanceof Promise ? result.catch(threw) : result
    } catch (error) {
      return threw(error)
    }
  }
  // `router`, by which others know it.
  return Object.assign(observing, middleware)
}
