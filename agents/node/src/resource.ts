import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { dirname, join, parse } from 'node:path'
import type { Attributes } from '@opentelemetry/api'

type Env = Readonly<Record<string, string | undefined>>

/**
 * Who sends: service, process, host, container and Kubernetes, as far as it can be known without asking anybody. What is
 * given by the variables wins.
 */
export function resourceOf(
  env: Env,
  given: { serviceName: string | undefined; resource: Readonly<Record<string, string>> },
  agent: { version: string },
): Attributes {
  const own = packageOf(process.argv[1] === undefined ? process.cwd() : dirname(process.argv[1]))
  const all: Attributes = {
    'service.name': own.name ?? `unknown_service:${parse(process.execPath).name}`,
    'service.version': own.version,
    'service.instance.id': randomUUID(),
    'telemetry.sdk.name': 'weft-node',
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.version': agent.version,
    'process.pid': process.pid,
    // Its arguments are left out: passwords stand there.
    'process.command': process.argv[1],
    'process.executable.path': process.execPath,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'host.name': os.hostname(),
    'host.arch': archs[os.arch()] ?? os.arch(),
    'host.id': textOf('/etc/machine-id'),
    'os.type': os.platform() === 'win32' ? 'windows' : os.platform(),
    'os.version': os.release(),
    'vcs.ref.head.revision': firstOf(env, revisionVariables) ?? own.gitHead,
    ...containerOf(env),
    ...given.resource,
    ...(given.serviceName === undefined ? {} : { 'service.name': given.serviceName }),
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== ''))
}

// As the semantic conventions name them.
const archs: Readonly<Record<string, string>> = { x64: 'amd64', arm: 'arm32', ia32: 'x86', ppc: 'ppc32' }

const revisionVariables = [
  'GIT_COMMIT',
  'GIT_SHA',
  'COMMIT_SHA',
  'SOURCE_COMMIT',
  'GITHUB_SHA',
  'CI_COMMIT_SHA',
  'BITBUCKET_COMMIT',
  'CIRCLE_SHA1',
  'VERCEL_GIT_COMMIT_SHA',
  'RENDER_GIT_COMMIT',
  'RAILWAY_GIT_COMMIT_SHA',
  'HEROKU_SLUG_COMMIT',
]

interface Package {
  readonly name?: string
  readonly version?: string
  readonly gitHead?: string
}

/** The nearest package.json that has a name, upwards from a folder. */
function packageOf(folder: string): Package {
  for (let at = folder; ; at = dirname(at)) {
    try {
      const read = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as Record<string, unknown>
      const text = (key: string): Record<string, string> => {
        const value = read[key]
        return typeof value === 'string' && value !== '' ? { [key]: value } : {}
      }
      if (typeof read['name'] === 'string') return { ...text('name'), ...text('version'), ...text('gitHead') }
    } catch {
      // None here, or none that can be read.
    }
    if (dirname(at) === at) return {}
  }
}

function containerOf(env: Env): Attributes {
  const mounts = textOf('/proc/self/mountinfo') ?? ''
  const groups = textOf('/proc/self/cgroup') ?? ''
  // cgroup v1 has the id in the group's path; with v2 only the files that the runtime mounts tell it.
  const id = /[0-9a-f]{64}/.exec(groups)?.[0] ?? /\/(?:containers|sandboxes)\/([0-9a-f]{64})\//.exec(mounts)?.[1]
  const kubernetes = env['KUBERNETES_SERVICE_HOST'] !== undefined
  const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'
  const podUid = /\/pods?[/-]?([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})/.exec(`${groups}\n${mounts}`)?.[1]
  return {
    'container.id': id,
    // The downward API gives these under names of one's choice; outside of Kubernetes they may mean anything.
    ...(kubernetes
      ? {
          'k8s.pod.name': firstOf(env, ['K8S_POD_NAME', 'POD_NAME', 'HOSTNAME']),
          'k8s.pod.uid': firstOf(env, ['K8S_POD_UID', 'POD_UID']) ?? podUid?.replaceAll('_', '-'),
          'k8s.namespace.name':
            firstOf(env, ['K8S_NAMESPACE_NAME', 'POD_NAMESPACE']) ?? textOf(`${serviceAccount}/namespace`),
          'k8s.node.name': firstOf(env, ['K8S_NODE_NAME', 'NODE_NAME']),
          'k8s.container.name': firstOf(env, ['K8S_CONTAINER_NAME', 'CONTAINER_NAME']),
          'k8s.deployment.name': firstOf(env, ['K8S_DEPLOYMENT_NAME']),
        }
      : {}),
  }
}

function firstOf(env: Env, names: readonly string[]): string | undefined {
  for (const name of names) if (env[name]) return env[name]
  return undefined
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
