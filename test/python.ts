import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * The folder of a virtual environment of Python that holds one package from PyPI; it is kept for later runs.
 *
 * @throws Error where there is no Python 3 with venv, or the package cannot be had for this machine
 */
export async function pythonWith(name: string, version: string): Promise<string> {
  const folder = join(tmpdir(), `weft-python-${name}-${version}`)
  if (existsSync(folder)) return folder
  // Programs in it name the folder that it was made in, but not python itself, which is all that is used of them.
  const unborn = mkdtempSync(`${folder}-`)
  try {
    await run('python3', ['-m', 'venv', unborn])
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    await run(join(unborn, 'bin/python'), [...install, `${name}==${version}`])
    try {
      renameSync(unborn, folder)
    } catch (error) {
      if (!existsSync(folder)) throw error
    }
  } finally {
    rmSync(unborn, { recursive: true, force: true })
  }
  return folder
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`)
}
