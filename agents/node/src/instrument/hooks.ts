import module from 'node:module'
import type * as Hooks from 'import-in-the-middle/register-hooks.mjs'

interface Resolved {
  readonly url: string
  readonly format?: string | null | undefined
}
type Resolve = (
  specifier: string,
  context: unknown,
  next: (specifier: string, context?: unknown) => Resolved,
) => Resolved

// Newer than the oldest Node that the agent runs on.
const { registerHooks } = module as {
  registerHooks?: (hooks: { resolve: Resolve }) => void
}

const require = module.createRequire(import.meta.url)

/**
 * Makes ES modules of these packages, and files, such that they can be patched, as CommonJS modules can be anyway. Only
 * these: each other module is loaded as it would be without.
 */
export function patchableModules(include: (string | RegExp)[]): void {
  const { supportsSyncHooks } = require('import-in-the-middle/supports-sync-hooks.mjs') as {
    supportsSyncHooks: () => boolean
  }
  if (supportsSyncHooks()) {
    const { register } = require('import-in-the-middle/register-hooks.mjs') as typeof Hooks
    register({ include })
    registerHooks?.({ resolve: resolveData })
  } else {
    // In a thread of its own, as older versions of Node have it.
    module.register('import-in-the-middle/hook.mjs', import.meta.url, { data: { include } })
  }
}

/**
 * An entry without an extension is CommonJS to what `register` registers, so that no worker of a `data:` URL would start:
 * what such a URL holds is said by its own type.
 */
const resolveData: Resolve = (specifier, context, next) => {
  const resolved = next(specifier, context)
  return specifier.startsWith('data:') && resolved.format === 'commonjs' ? { ...resolved, format: undefined } : resolved
}

/**
 * Calls `first` when one of the names is first imported or required, before that happens. False when this Node cannot
 * tell: nothing will be called then.
 */
export function onFirstImport(names: ReadonlySet<string>, first: (name: string) => void): boolean {
  if (registerHooks === undefined) return false
  const left = new Set(names)
  registerHooks({
    resolve(specifier, context, next) {
      const name = nameOf(specifier)
      if (left.delete(name)) first(name)
      return next(specifier, context)
    },
  })
  return true
}

/** `@scope/name/file` → `@scope/name`, `name/file` → `name` */
function nameOf(specifier: string): string {
  const first = specifier.indexOf('/')
  if (first < 0) return specifier
  const end = specifier.startsWith('@') ? specifier.indexOf('/', first + 1) : first
  return end < 0 ? specifier : specifier.slice(0, end)
}
