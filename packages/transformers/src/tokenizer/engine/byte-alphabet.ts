/** The characters that stand for the 256 bytes in byte-level vocabularies (GPT-2's `bytes_to_unicode`). */
const characters: readonly string[] = makeAlphabet()

const bytes: ReadonlyMap<number, number> = new Map(
  characters.map((character, byte) => [character.charCodeAt(0), byte]),
)

const encoder = new TextEncoder()

function makeAlphabet(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
    return String.fromCharCode(isPrintable ? byte : next++)
  })
}

/** A text with every byte of its UTF-8 as one character. */
export function toByteCharacters(text: string): string {
  if (isItself(text)) return text
  let result = ''
  for (const byte of encoder.encode(text)) result += characters[byte]
  return result
}

/** Visible characters of ASCII stand for their own bytes: most words need no rewriting. */
function isItself(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit <= 0x20 || unit >= 0x7f) return false
  }
  return true
}

/** The bytes that a token stands for; a token with a character outside of the alphabet stands for itself. */
export function fromByteCharacters(token: string): number[] | Uint8Array {
  const found: number[] = []
  for (let at = 0; at < token.length; at++) {
    const byte = bytes.get(token.charCodeAt(at))
    if (byte === undefined) return encoder.encode(token)
    found.push(byte)
  }
  return found
}
