/** Where the UI lives: the path of <base href>, which the server writes. Always ends with a slash. */
export function basePath(): string {
  return new URL('.', document.baseURI).pathname
}

/** The address of an API endpoint such as `api/services`. */
export function apiUrl(path: string, params: URLSearchParams): string {
  const url = new URL(path, new URL('.', document.baseURI))
  url.search = params.toString()
  return url.href
}
