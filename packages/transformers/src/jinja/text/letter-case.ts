/** The first character in capitals, the others not. */
export function capitalize(text: string): string {
  const first = String.fromCodePoint(...(text === '' ? [] : [text.codePointAt(0)!]))
  return titleLetter(first) + text.slice(first.length).toLowerCase()
}

/** "ß" in front of a word becomes "Ss", not "SS". */
function titleLetter(character: string): string {
  const upper = character.toUpperCase()
  return upper.length > character.length ? upper[0]! + upper.slice(1).toLowerCase() : upper
}

/** Every word with its first letter in capitals. */
export function titleCase(text: string): string {
  return text.replace(/\p{L}+/gu, capitalize)
}

export function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/[\p{Lu}\p{Lt}]/u.test(text)
}

export function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/[\p{Ll}\p{Lt}]/u.test(text)
}
