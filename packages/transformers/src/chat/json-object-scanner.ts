/**
 * Finds the end of a JSON object in a text that comes in pieces: counts brackets outside of strings. Whether it is JSON at all is
 * seen when it is complete.
 */
export interface JsonObjectScanner {
  /** Index behind the object in `text`, which goes on where the last one ended; undefined: it goes on. */
  push(text: string): number | undefined
}

export function createJsonObjectScanner(): JsonObjectScanner {
  let depth = 0
  let inString = false
  let isEscaped = false
  return {
    push(text) {
      for (let at = 0; at < text.length; at++) {
        const character = text[at]
        if (inString) {
          if (isEscaped) isEscaped = false
          else if (character === '\\') isEscaped = true
          else if (character === '"') inString = false
        } else if (character === '"') inString = true
        else if (character === '{' || character === '[') depth++
        else if ((character === '}' || character === ']') && --depth <= 0) return at + 1
      }
      return undefined
    },
  }
}

/** The members of a JSON object with their values as written; undefined for what is no JSON object. Of equal names the last counts. */
export function readMembers(text: string): ReadonlyMap<string, string> | undefined {
  if (!isJsonObject(text)) return undefined
  const members = new Map<string, string>()
  // A valid object: each name is followed by a colon, each value by a comma or the end of the object.
  let at = text.indexOf('{') + 1
  for (;;) {
    const name = NAME.exec(text.slice(at))
    if (name === null) return members
    at += name[0].length
    const end = at + valueLength(text.slice(at))
    members.set(JSON.parse(name[1]!) as string, text.slice(at, end).trim())
    at = end
  }
}

const NAME = /^[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*/

/** Characters up to the comma or the bracket behind a value. */
function valueLength(text: string): number {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (inString) {
      if (character === '\\') at++
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{' || character === '[') depth++
    else if (depth === 0 && (character === ',' || character === '}')) return at
    else if (character === '}' || character === ']') depth--
  }
  return text.length
}

export function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
