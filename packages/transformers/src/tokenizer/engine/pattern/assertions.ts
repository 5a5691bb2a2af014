import { createCharacterSet } from './character-set.js'
import type { Assertion } from './pattern-node.js'

const wordCharacters = createCharacterSet('[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]')

/** Whether an assertion of Oniguruma is true of a place between two characters. */
export function holds(kind: Assertion, text: string, at: number): boolean {
  switch (kind) {
    case 'text-start':
      return at === 0
    case 'text-end':
      return at === text.length
    case 'text-end-or-newline':
      return at === text.length || (at === text.length - 1 && text[at] === '\n')
    case 'line-start':
      return at === 0 || (text[at - 1] === '\n' && at < text.length)
    case 'line-end':
      return at === text.length || text[at] === '\n'
    case 'word-boundary':
      return isWord(text, at) !== isWordBefore(text, at)
    case 'no-word-boundary':
      return isWord(text, at) === isWordBefore(text, at)
  }
}

function isWord(text: string, at: number): boolean {
  const code = text.codePointAt(at)
  return code !== undefined && wordCharacters.has(code)
}

function isWordBefore(text: string, at: number): boolean {
  return at > 0 && isWord(text, at - widthBefore(text, at))
}

/** Code units of the character that ends at `at`, which is above 0. */
export function widthBefore(text: string, at: number): 1 | 2 {
  return isInsideCharacter(text, at - 1) ? 2 : 1
}

/** True between the halves of a character. */
export function isInsideCharacter(text: string, at: number): boolean {
  return at > 0 && (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800
}
