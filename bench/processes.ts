import { readdirSync, readFileSync } from 'node:fs'

/** What a process has used so far; of one that is gone, nothing is known. Linux only: read from /proc. */
export interface Usage {
  /** CPU seconds in user and kernel mode, all threads. */
  readonly cpuSeconds: number
  /** Highest resident memory so far. */
  readonly peakBytes: number
}

/** USER_HZ, which every Linux that runs Node fixes at 100 (proc(5), `utime`). */
const ticksPerSecond = 100

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the program's name in brackets and may hold anything, spaces and brackets among them.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? '0'
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond, peakBytes: Number(peak) * 1024 }
}

/** Process ids of the children of a process. */
export function childrenOf(pid: number): number[] {
  const children: number[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid) children.push(Number(entry))
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
  return children
}

/** The command line, its words separated by spaces. */
export function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')
}
