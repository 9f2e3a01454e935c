import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * SIGSTOP, and waits until it holds: threads that run on other processors go on for some moments after the signal was
 * sent, and may answer one request more.
 */
export async function freezeProcess(pid: number | undefined): Promise<void> {
  if (!pid) throw new Error('there is no process to freeze')
  process.kill(pid, 'SIGSTOP')
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) return pause(500)
  for (;;) {
    const stands = (task: string) => {
      try {
        // pid (name) state …, where the name may hold anything.
        const stat = readFileSync(`${tasks}/${task}/stat`, 'latin1')
        return 'TtZX'.includes(stat[stat.lastIndexOf(')') + 2] ?? '')
      } catch {
        return true
      }
    }
    if (readdirSync(tasks).every(stands)) return
    await pause(5)
  }
}

/** SIGCONT; no error if there is none, or if it ended meanwhile. */
export function thawProcess(pid: number | undefined): void {
  if (!pid) return
  try {
    process.kill(pid, 'SIGCONT')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
