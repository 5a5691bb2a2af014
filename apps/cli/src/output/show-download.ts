import type { ResolveModelOptions } from 'hfquant'
import type { Terminal } from './terminal.js'

/** Shows downloads as progress; nothing is shown for files that the cache has. */
export const showDownload =
  (terminal: Terminal): NonNullable<ResolveModelOptions['onProgress']> =>
  ({ file, receivedBytes, totalBytes }) =>
    terminal.progress({
      stage: `download ${file}`,
      tensor: '',
      done: receivedBytes,
      total: totalBytes,
      doneBytes: receivedBytes,
      totalBytes,
    })
