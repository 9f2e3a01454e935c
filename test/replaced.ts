/**
 * A text with other words in it, each wherever it stands.
 *
 * @throws Error where one is not there: a test would go on with what it meant to change
 */
export function replaced(text: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((changed, [word, other]) => {
    if (!changed.includes(word)) throw new Error(`BUG: no ${word} in\n${changed}`)
    return changed.replaceAll(word, () => other)
  }, text)
}

/** The variables of OpenTelemetry that a file tells its reader to set: `export NAME=value`, or before a command. */
export function toldVariables(text: string): Record<string, string> {
  return Object.fromEntries(
    Array.from(text.matchAll(/\b(OTEL_\w+)=(\S+)/g), ([, name = '', value = '']) => [name, value]),
  )
}
