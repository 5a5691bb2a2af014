import { createCharacterSet } from './pattern/character-set.js'
import { punctuationClass } from './unicode-tables.js'

/** `char::is_whitespace` of Rust: U+0085 is one, U+FEFF is none, unlike in JavaScript. */
export const whiteSpace = createCharacterSet('\\p{White_Space}')

/** Punctuation of ASCII (`$`, `+`, `<` … included) or Unicode. */
export const punctuation = createCharacterSet(`[${punctuationClass}!-\\/:-@\\[-\`\\{-~]`)

/** `char::is_numeric` of Rust. */
export const numeric = createCharacterSet('\\p{N}')

/** `\w` of Rust's regex crate. */
export const wordCharacter = createCharacterSet('[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]')
