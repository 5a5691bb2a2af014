/** Length of the longest end of `text` that `marker` begins with and that is not all of it. */
export function beginningAtEnd(text: string, marker: string): number {
  for (let length = Math.min(text.length, marker.length - 1); length > 0; length--) {
    if (marker.startsWith(text.slice(text.length - length))) return length
  }
  return 0
}
