import { existsSync } from 'node:fs'
import { mkdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium, type Browser } from 'playwright-core'

/**
 * Starts a headless Chromium that comes from the package registry, with the libraries it needs. One browser for each
 * test file; the caller closes it.
 */
export async function launchBrowser(): Promise<Browser> {
  // The package unpacks nss and friends only where it believes to run in that environment, and looks when imported.
  process.env['AWS_EXECUTION_ENV'] ??= 'AWS_Lambda_nodejs22.x'
  const { default: bundled } = await import('@sparticuz/chromium')
  const executablePath = await alone(() => bundled.executablePath())
  // Its own few fonts are for machines without any: those of this machine know more scripts.
  if (existsSync('/etc/fonts/fonts.conf')) delete process.env['FONTCONFIG_PATH']
  return await chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--font-render-hinting=none',
    ],
  })
}

const lockPath = join(tmpdir(), 'weft-chromium-unpack.lock')
const staleAfterMs = 60_000

/** The package takes a half-written binary of another process for a whole one, so only one process unpacks at a time. */
async function alone<T>(unpack: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      await mkdir(lockPath)
      break
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown
      const held = await stat(lockPath).catch(() => undefined)
      if (held !== undefined && Date.now() - held.mtimeMs > staleAfterMs) await rm(lockPath, { recursive: true })
      await sleep(100)
    }
  }
  try {
    return await unpack()
  } finally {
    await rm(lockPath, { recursive: true, force: true })
  }
}
