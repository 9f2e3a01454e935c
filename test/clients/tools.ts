import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { javaProgram } from '../kafka/jars.ts'
import { isOnPath, keptFolder } from '../kept.ts'

const run = promisify(execFile)
/** The client program's. */
const oldestJava = 17

/** The folder of a client program. */
export const programFolder = (language: string): string =>
  fileURLToPath(new URL(`programs/${language}`, import.meta.url))

/** Why there is no Java client on this machine; undefined when there can be one. */
export async function whyNoJava(): Promise<string | undefined> {
  try {
    // Of a JDK alone.
    const { stdout } = await run(javaTool('javac'), ['-version'])
    const major = Number(/javac (\d+)/.exec(stdout)?.[1])
    if (!(major >= oldestJava)) return `Java ${oldestJava} or newer is needed, javac is ${major}`
  } catch {
    return `there is no JDK (${oldestJava} or newer; Debian: openjdk-17-jdk-headless)`
  }
  if (existsSync(builtFolder('java')) || isOnPath('mvn')) return undefined
  return "there is no Maven, which brings OpenTelemetry's agent (Debian: maven)"
}

/** Why no Go program can be built; undefined when one can. */
export async function whyNoGo(program: string): Promise<string | undefined> {
  if (existsSync(builtFolder(program))) return undefined
  try {
    await run('go', ['version'])
    return undefined
  } catch {
    return 'there is no Go (1.26 or newer)'
  }
}

/** Why there is no Python client; undefined when there can be one. */
export async function whyNoPython(): Promise<string | undefined> {
  try {
    await run('python3', ['-c', 'import venv, ensurepip'])
    return undefined
  } catch {
    return 'there is no Python 3 with venv (Debian: python3-venv)'
  }
}

/** The folder with the agent's jar, those of its API, and the program; Maven brings them the first time. */
export function javaClasses(): Promise<string> {
  return keptFolder(builtFolder('java'), async (folder) => {
    const sources = programFolder('java')
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`]
    await run('mvn', ['-B', '-q', '-f', join(sources, 'pom.xml'), ...goal], { maxBuffer: 16 * 2 ** 20 })
    await run(javaTool('javac'), ['-cp', join(folder, '*'), '-d', folder, join(sources, 'Shop.java')])
  })
}

/** A program in Go, which is built the first time. */
export async function goProgram(name: string): Promise<string> {
  const folder = await keptFolder(builtFolder(name), async (unborn) => {
    // One at a time: other tests may run on the other cores.
    const options = { cwd: programFolder(name), maxBuffer: 16 * 2 ** 20 }
    await run('go', ['build', '-p', '1', '-trimpath', '-buildvcs=false', '-o', join(unborn, name), '.'], options)
  })
  return join(folder, name)
}

const javaTool = (name: string) => join(dirname(javaProgram), name)

/** Where what is made of these sources is kept for later runs. */
function builtFolder(name: string): string {
  const hash = createHash('sha256')
  const folder = programFolder(name)
  for (const file of globSync('*.{go,java,mod,sum,xml}', { cwd: folder }).toSorted())
    hash.update(readFileSync(join(folder, file)))
  return join(tmpdir(), `weft-client-${name}-${hash.digest('hex').slice(0, 12)}`)
}
