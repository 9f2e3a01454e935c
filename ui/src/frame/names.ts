/** A name as it is shown: clients may send none. */
export const shownName = (name: string): string => (name === '' ? '(no name)' : name)
