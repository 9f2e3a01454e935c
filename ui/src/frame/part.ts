import { ApiError } from '../api/client.ts'

/** Loads a part of the UI that is fetched when it is opened; a failure says in plain words what to do. */
export const part =
  <Module>(load: () => Promise<Module>) =>
  (): Promise<Module> =>
    load().catch((cause: unknown) => {
      // Weft is down, or was replaced by a version whose files have other names: a reload helps with both.
      throw new ApiError(0, 'A part of it did not come.', 'Check that Weft is running, then try again.', { cause })
    })

/** uPlot hands navigator.language to Intl, which refuses what Chromium says under the POSIX locale: `en-US@posix`. */
export function soundLanguage(): void {
  const [language = 'en-US', rest] = navigator.language.split('@')
  if (rest !== undefined) Object.defineProperty(navigator, 'language', { value: language, configurable: true })
}
