/** Names in a message: the first ones, and how many more there are. */
export function listNames(names: readonly string[], most = 8): string {
  const more = names.length > most ? ` and ${names.length - most} more` : ''
  return names.slice(0, most).join(', ') + more
}
