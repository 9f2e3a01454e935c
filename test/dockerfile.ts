import { execFile } from 'node:child_process'
import { cpSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, matchesGlob, relative } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What an image says of how it is run. */
export interface Image {
  /** What is in the image beside its base image. */
  readonly root: string
  /** The folder in it where the process starts. */
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  readonly from: string
  readonly user: string
  readonly stopSignal: string
  readonly ports: readonly number[]
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  readonly healthcheck: readonly string[]
}

interface Instruction {
  readonly name: string
  readonly words: string
}

/**
 * Does the steps of a Dockerfile without Docker: each stage is a folder, COPY copies within it, RUN is run by `sh` in it.
 * A base image is an empty folder: its programs are those of this machine. Owners are not set.
 *
 * @param targets stages that are wanted; others are made as far as these need them, once
 * @param context folder that is sent to the builder, less what `<dockerfile>.dockerignore` names
 * @param folder where the stages are made
 * @throws with its output when a step fails, and for an instruction that is not known here
 */
export async function buildImages(
  dockerfile: string,
  targets: readonly string[],
  { context, folder }: { readonly context: string; readonly folder: string },
): Promise<readonly Image[]> {
  const { args, stages } = parse(readFileSync(dockerfile, 'utf8'))
  const sent = contextFiles(context, readFileSync(`${dockerfile}.dockerignore`, 'utf8'))
  const made = new Map<string, Promise<Image>>()
  const make = (name: string): Promise<Image> => {
    const stage = stages.get(name)
    if (!stage) throw new Error(`no stage ${name}`)
    const image = made.get(name) ?? build(name, stage)
    made.set(name, image)
    return image
  }

  const build = async (name: string, stage: Stage): Promise<Image> => {
    const root = join(folder, name)
    const from = expand(stage.from, args)
    const base = stages.has(from) ? await make(from) : undefined
    mkdirSync(root, { recursive: true })
    if (base) await run('cp', ['-a', `${base.root}/.`, root])
    const image = { ...(base ?? empty), from: base?.from ?? from, root }
    for (const { name, words } of stage.instructions) {
      const at = () => join(root, image.workdir)
      if (name === 'WORKDIR') mkdirSync(join(root, (image.workdir = words)), { recursive: true })
      else if (name === 'ENV') image.env = { ...image.env, ...assignments(words) }
      else if (name === 'USER') image.user = words
      else if (name === 'STOPSIGNAL') image.stopSignal = words
      else if (name === 'EXPOSE') image.ports = [...image.ports, ...words.split(/\s+/).map(Number)]
      else if (name === 'ENTRYPOINT') image.entrypoint = JSON.parse(words) as string[]
      else if (name === 'CMD') image.cmd = JSON.parse(words) as string[]
      else if (name === 'HEALTHCHECK') image.healthcheck = JSON.parse(words.replace(/^.*?CMD /, '')) as string[]
      else if (name === 'RUN') await run('sh', ['-c', words], { cwd: at(), env: { ...process.env, ...image.env } })
      else if (name === 'COPY') {
        const all = words.split(/\s+/)
        const stageName = all.find((word) => word.startsWith('--from='))?.slice('--from='.length)
        const paths = all.filter((word) => !word.startsWith('--'))
        const to = join(at(), paths.pop() ?? '')
        const source = stageName === undefined ? context : (await make(stageName)).root
        for (const path of paths)
          copy(source, path, paths.length > 1 || words.endsWith('/'), to, stageName ? everything : sent)
      } else if (name !== 'ARG') throw new Error(`${name} is not known here`)
    }
    return image
  }
  const images: Image[] = []
  for (const target of targets) images.push(await make(target))
  return images
}

const empty = {
  workdir: '/',
  env: {} as Readonly<Record<string, string>>,
  user: '',
  stopSignal: 'SIGTERM',
  ports: [] as readonly number[],
  entrypoint: [] as readonly string[],
  cmd: [] as readonly string[],
  healthcheck: [] as readonly string[],
}

/** A folder gives what is in it, a file goes into the folder or becomes what is named. */
function copy(source: string, path: string, into: boolean, to: string, wanted: (file: string) => boolean): void {
  const from = join(source, path)
  const isFolder = statSync(from).isDirectory()
  cpSync(from, into && !isFolder ? join(to, basename(path)) : to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (file) => wanted(relative(source, file)),
  })
}

const everything = () => true

/** By Docker's rules: the last pattern that matches a path, or a folder above it, decides. */
function contextFiles(context: string, ignore: string): (file: string) => boolean {
  const patterns = ignore
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ glob: line.replace(/^!/, ''), wanted: line.startsWith('!') }))
  for (const { glob, wanted } of patterns) {
    // A name that is gone is one that was forgotten here.
    if (wanted && globSync(glob, { cwd: context }).length === 0) throw new Error(`.dockerignore: there is no ${glob}`)
  }
  return (file) => {
    const parts = file.split('/')
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
    return patterns.findLast(({ glob }) => paths.some((path) => matchesGlob(path, glob)))?.wanted ?? true
  }
}

interface Stage {
  readonly from: string
  readonly instructions: Instruction[]
}

function parse(text: string): { args: Record<string, string>; stages: Map<string, Stage> } {
  const args: Record<string, string> = {}
  const stages = new Map<string, Stage>()
  let stage: Stage | undefined
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
  for (const line of lines.replaceAll(/\\\n\s*/g, '').split('\n')) {
    const [, name = '', words = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (name === '') continue
    if (name === 'FROM') {
      const [from = '', , as = ''] = words.split(/\s+/)
      stages.set(as, (stage = { from, instructions: [] }))
    } else if (stage) stage.instructions.push({ name, words })
    else Object.assign(args, assignments(words))
  }
  return { args, stages }
}

function assignments(words: string): Record<string, string> {
  return Object.fromEntries([...words.matchAll(/(\w+)=(\S*)/g)].map(([, name = '', value = '']) => [name, value]))
}

function expand(text: string, args: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = args[name]
    if (value === undefined) throw new Error(`${name} is not set`)
    return value
  })
}
