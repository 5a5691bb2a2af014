/** What lies under the name of a file instead of it, and how to get the file. */
export interface StandIn {
  /** "a Git LFS pointer" */
  readonly what: string
  readonly hint: string
}

/** As much of a file as `standInOf` looks at. */
const STAND_IN_BYTES = 256

/** A comment ends at its first `-->`: where it might reach beyond, the ways to read a row of comments double with each. */
const WEB_PAGE = /^\s*(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html|head)\b/is

/**
 * What downloads leave in place of a file: the pointer of a clone without Git LFS, or the web page of a sign-in or an error.
 *
 * @param start the first `STAND_IN_BYTES` bytes of the file, or fewer.
 */
export function standInOf(start: Uint8Array): StandIn | undefined {
  const text = new TextDecoder('latin1')
    .decode(start.subarray(0, STAND_IN_BYTES))
    .replace(/^\u00ef\u00bb\u00bf/, '')
  if (/^version https:\/\/(git-lfs|hawser)\./.test(text)) {
    return { what: 'a Git LFS pointer', hint: 'Fetch the real file with `git lfs pull`.' }
  }
  if (WEB_PAGE.test(text)) {
    return {
      what: 'a web page (HTML)',
      hint: 'Download the file again, signed in where the model asks for it.',
    }
  }
  return undefined
}
