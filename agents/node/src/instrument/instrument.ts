import module from 'node:module'
import { diag, type TracerProvider } from '@opentelemetry/api'
import type { Config } from '../config.ts'
import { instrumentFastify } from './fastify.ts'
import { onFirstImport, patchableModules } from './hooks.ts'
import { type Known, knownInstrumentations, ownInstrumentations } from './known.ts'
import { instrumentPlatformaticKafka } from './platformatic-kafka.ts'
import { instrumentSqlite } from './sqlite.ts'

const require = module.createRequire(import.meta.url)
const scope = (name: string) => `@weft/node/${name}`

/**
 * Instruments Node itself at once, and each package when the program first asks for it: what is not used costs nothing.
 * Where this Node cannot tell when that is, all are loaded at once.
 */
export function instrument(config: Pick<Config, 'only' | 'without'>, provider: TracerProvider): void {
  const wanted = (name: string): boolean => (config.only?.has(name) ?? true) && !config.without.has(name)

  for (const known of ownInstrumentations) if (wanted(known.name)) load(known, provider)
  if (wanted('http')) {
    // Patched when required; what ES modules import by name follows then.
    require('http')
    require('https')
    module.syncBuiltinESMExports()
  }
  // Channels that nobody writes to cost nothing.
  if (wanted('fastify')) instrumentFastify()
  if (wanted('platformatic-kafka')) instrumentPlatformaticKafka(provider.getTracer(scope('platformatic-kafka')))

  const byPackage = new Map<string, () => void>()
  const files: RegExp[] = []
  for (const known of knownInstrumentations) {
    if (!wanted(known.name)) continue
    if (known.files !== undefined) files.push(known.files)
    let loaded = false
    for (const name of known.packages) {
      byPackage.set(name, () => {
        if (!loaded) load(known, provider)
        loaded = true
      })
    }
  }
  patchableModules([...byPackage.keys(), ...files])
  if (wanted('sqlite')) {
    byPackage.set('node:sqlite', () => {
      instrumentSqlite(
        require('node:sqlite') as Parameters<typeof instrumentSqlite>[0],
        provider.getTracer(scope('sqlite')),
      )
    })
  }
  const first = (name: string): void => {
    try {
      byPackage.get(name)?.()
    } catch (error) {
      diag.error(`${name} could not be instrumented`, error)
    }
  }
  if (onFirstImport(new Set(byPackage.keys()), first)) return
  // Not node:sqlite: to load it is to warn of it, in the versions that come here.
  for (const name of byPackage.keys()) if (name !== 'node:sqlite') first(name)
}

function load(known: Known, provider: TracerProvider): void {
  try {
    known.load().setTracerProvider(provider)
  } catch (error) {
    diag.error(`${known.name} could not be instrumented`, error)
  }
}
