import { type CharacterSet, createCharacterSet, widthOf } from './pattern/character-set.js'

/** The scripts that the reference tells apart (Unicode 10); a character of a later one joins whatever is beside it. */
const scriptNames =
  'Latin Han Common Inherited Cyrillic Greek Arabic Hebrew Devanagari Thai Hangul Adlam Ahom Anatolian_Hieroglyphs Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Coptic Cuneiform Cypriot Deseret Duployan Egyptian_Hieroglyphs Elbasan Ethiopic Georgian Glagolitic Gothic Grantha Gujarati Gurmukhi Hanunoo Hatran Imperial_Aramaic Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Kayah_Li Kharoshthi Khmer Khojki Khudawadi Lao Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Malayalam Mandaic Manichaean Marchen Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean New_Tai_Lue Newa Nko Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_South_Arabian Old_Turkic Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sora_Sompeng Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangut Telugu Thaana Tibetan Tifinagh Tirhuta Ugaritic Vai Warang_Citi Yi'.split(
    ' ',
  )

/** What a character without a script of its own is called. */
const ANY = 'Any'

/** Sentence-piece counts the syllables of Japanese, and the mark that lengthens them, as Han. */
const likeHan = createCharacterSet('[\\p{Script=Hiragana}\\p{Script=Katakana}\\u{30FC}]')

let scripts: readonly (readonly [name: string, members: CharacterSet])[] | undefined

function scriptOf(code: number): string {
  if (code === 0x20) return ANY
  if (likeHan.has(code)) return 'Han'
  scripts ??= scriptNames.map((name) => [name, createCharacterSet(`\\p{Script=${name}}`)])
  return scripts.find(([, members]) => members.has(code))?.[0] ?? ANY
}

/** Parts of one script each. What stands before the first character that has a script is left out, as in Rust. */
export function* splitByScript(text: string): Generator<readonly [start: number, end: number]> {
  const known = new Map<number, string>()
  let last: string | undefined
  let start: number | undefined
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at)!
    let script = known.get(code)
    if (script === undefined) {
      script = scriptOf(code)
      known.set(code, script)
    }
    if (script !== ANY) {
      if (script !== last) {
        if (start !== undefined) yield [start, at]
        start = at
      }
      last = script
    }
    at += widthOf(code)
  }
  if (start !== undefined) yield [start, text.length]
}
