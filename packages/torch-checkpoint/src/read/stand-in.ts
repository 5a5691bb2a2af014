import type { Refuse } from '../errors.js'

/** A comment ends at its first `-->`: where it might reach beyond, the ways to read a row of comments double with each. */
const WEB_PAGE = /^\s*(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html|head)/is

/**
 * Refuses what downloads leave in place of a file: the pointer of a clone without Git LFS, or the web page of a sign-in or an
 * error.
 *
 * @param start the first bytes of the file, read as Latin-1.
 */
export function refuseStandIn(start: string, refuse: Refuse): void {
  const text = start.replace(/^\u00ef\u00bb\u00bf/, '')
  if (/^version https:\/\/(git-lfs|hawser)/.test(text)) {
    refuse('FORMAT_UNKNOWN', 'the file is a Git LFS pointer', {
      hint: 'Fetch the real file with `git lfs pull`.',
    })
  }
  if (WEB_PAGE.test(text)) {
    refuse('FORMAT_UNKNOWN', 'the file is a web page (HTML)', {
      hint: 'Download the file again, signed in where the model asks for it.',
    })
  }
}
