import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keptFolder } from './kept.ts'

/**
 * The folder of a virtual environment of Python that holds one package from PyPI; it is kept for later runs.
 *
 * @throws Error where there is no Python 3 with venv, or the package cannot be had for this machine
 */
export function pythonWith(name: string, version: string): Promise<string> {
  return environment(join(tmpdir(), `weft-python-${name}-${version}`), [`${name}==${version}`])
}

/**
 * The same with the packages that a file of requirements names.
 *
 * @throws Error as `pythonWith` does
 */
export function pythonWithRequirements(name: string, file: string): Promise<string> {
  const version = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12)
  return environment(join(tmpdir(), `weft-python-${name}-${version}`), ['--requirement', file])
}

function environment(folder: string, packages: readonly string[]): Promise<string> {
  // Programs in it name the folder that it was made in, but not python itself, which is all that is used of them.
  return keptFolder(folder, async (unborn) => {
    await run('python3', ['-m', 'venv', unborn])
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    await run(join(unborn, 'bin/python'), [...install, ...packages])
  })
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`)
}
