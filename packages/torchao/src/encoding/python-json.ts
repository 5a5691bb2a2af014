/** `json.dumps(value)`: a space after commas and colons, ASCII only. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([key, inner]) => `${asciiString(key)}: ${pythonJson(inner)}`)
    return `{${members.join(', ')}}`
  }
  return typeof value === 'string' ? asciiString(value) : JSON.stringify(value)
}

const asciiString = (text: string): string =>
  JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
