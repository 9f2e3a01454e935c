import { join } from 'node:path'

/** Every name below the data folder. */
export const foldersOf = (data: string) => ({
  queue: join(data, 'queue'),
  store: join(data, 'store'),
  setAside: join(data, 'set-aside'),
})
