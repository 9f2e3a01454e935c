/** What OTLP's span kinds are called, by their numbers. */
export const kindNames: readonly string[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']
