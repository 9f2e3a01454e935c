import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

/**
 * A folder that is filled the first time and kept for later runs. Several processes may ask at once: each fills a folder of
 * its own, and the first that is done gives it the final name.
 */
export async function keptFolder(folder: string, fill: (unborn: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder
  mkdirSync(dirname(folder), { recursive: true })
  const unborn = mkdtempSync(`${folder}-`)
  try {
    await fill(unborn)
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

/** Whether a program of that name is to be had. */
export function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}
