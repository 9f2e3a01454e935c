/**
 * The agent: `node --import @weft/node app.js`. Started by being loaded, once in each thread. Whatever goes wrong with it
 * is told on stderr, and the program runs as it would without.
 */
import { diag } from '@opentelemetry/api'
import { logLevel } from './config.ts'
import { logTo } from './log.ts'
import { start } from './start.ts'

const started = Symbol.for('weft.node.started')
const globals = globalThis as Record<symbol, unknown>

// With NODE_OPTIONS the package managers that start the program are Node programs, too, but nobody's service.
const packageManager = /[\\/]node_modules[\\/](?:npm|pnpm|yarn|corepack)[\\/]|[\\/](?:npm|npx|pnpm|yarn)(?:\.c?js)?$/

if (globals[started] === undefined && !packageManager.test(process.argv[1] ?? '')) {
  globals[started] = true
  logTo(logLevel(process.env))
  start(process.env).catch((error: unknown) => diag.error('the agent could not start', error))
}
