#!/usr/bin/env node
// Plain JavaScript, because it must run on a Node that is too old for the rest: it hands over to the Node that the
// project installs (an optional dependency for the platform), or says in one line what is missing.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { fileURLToPath } from 'node:url'

const oldest = 24
const major = Number(process.versions.node.split('.')[0])
if (major >= oldest) {
  // What Node has stripped and compiled once is taken from there the next time: a role starts in a third of the time and
  // needs 20 MiB less, as the stripper is not loaded. Without it (a folder that cannot be written) all works as before.
  nodeModule.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)))
  const { run } = await import('./main.ts')
  await run()
} else {
  const exe = process.platform === 'win32' ? 'node.exe' : 'bin/node'
  const own = fileURLToPath(
    new URL(`../node_modules/node-${process.platform.replace('win32', 'win')}-${process.arch}/${exe}`, import.meta.url),
  )
  if (!existsSync(own)) {
    process.stderr.write(
      `weft: needs Node ${oldest} or newer; this is ${process.version}, and there is no packaged one for ` +
        `${process.platform}-${process.arch}. Install a newer Node and try again.\n`,
    )
    process.exit(1)
  }
  // Signals reach the child through the terminal's process group or, sent to this process alone, are passed on.
  const child = spawn(own, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
}
