import type { ProgressEvent } from '@hfquant/core/runtime'

/** What a `progress_callback` is told, as @huggingface/transformers does: of files that are downloaded, and at the end. */
export type ProgressInfo =
  | { readonly status: 'initiate' | 'download' | 'done'; readonly name: string; readonly file: string }
  | {
      readonly status: 'progress'
      readonly name: string
      readonly file: string
      /** From 0 to 100. */
      readonly progress: number
      /** Bytes. */
      readonly loaded: number
      readonly total: number
    }
  | { readonly status: 'ready'; readonly task: string; readonly model: string }

export type ProgressCallback = (info: ProgressInfo) => void

/** Tells of downloads; what else is done while a model loads has no name there. */
export function progressListener(callback: ProgressCallback, name: string): (event: ProgressEvent) => void {
  const begun = new Set<string>()
  return ({ stage, tensor: file, doneBytes: loaded, totalBytes: total }) => {
    if (stage !== 'download') return
    if (!begun.has(file)) {
      begun.add(file)
      callback({ status: 'initiate', name, file })
      callback({ status: 'download', name, file })
    }
    callback({
      status: 'progress',
      name,
      file,
      progress: total === 0 ? 100 : (100 * loaded) / total,
      loaded,
      total,
    })
    if (loaded === total) callback({ status: 'done', name, file })
  }
}
